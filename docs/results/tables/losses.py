"""docs/losses.md: the losses' speed, and how they agree with listeners.

On a machine that does nothing else:

    bin/benchmark losses --rounds=15 --json > docs/results/losses.json

Listeners, where nlpd_natural.json was fitted to other audio than the rated clips:

    bin/fit_nlpd --data=FOLDER -o nlpd_natural.json
    bin/correlate --ratings=ratings.csv --nlpd_parameters=nlpd_natural.json --json \
        > docs/results/listeners.json
    bin/correlate ... --noidentical --json > docs/results/listeners_coded.json
"""

from __future__ import annotations

from tables.files import DOCS, TITLES, day, interval, read, span

PAGE = DOCS / "losses.md"


def speed() -> str:
    """The losses against others: a row a loss and direction."""
    report = read("losses")
    batch, height, width, channels = report["shape"]
    shares = {row["loss"]: 100 * row["share"] for row in report["training"]}
    rounds = report["losses"][0]["rounds"]
    lines = [
        f"Images [{batch}, {height}, {width}, {channels}], float32, {report['cores']} cores; medians of",
        f"{rounds} rounds in turns, peak memory of fresh processes. Measured on {day(report)}.",
        f"Of a training step at the default settings MS-SSIM and its gradient take "
        f"{shares['ms_ssim']:.1f} %, NLPD {shares['nlpd']:.1f} %.",
        "",
        "| loss | against | direction | speed-up | peak memory, MB | theirs |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["losses"]:
        theirs = f"`{row['baseline']}`" if row["baseline"].startswith("tf.") else row["baseline"]
        lines.append(
            f"| {TITLES[row['loss']]} | {theirs} | {row['direction']} "
            f"| {row['speedup']:.2f} ({span(row['speedup_range'], '.2f')}) "
            f"| {row['peak_bytes'] / 1e6:.0f} | {row['baseline_peak_bytes'] / 1e6:.0f} |"
        )
    return "\n".join(lines)


def listeners() -> str:
    """How metrics agree with listeners: a row a metric, all pairs and those of coded clips alone."""
    report, coded = read("listeners"), read("listeners_coded")
    lines = [
        f"{report['pairs']} rated pairs of {report['references']} speech clips, as mel-spectrograms;",
        f"correlations with 95 % bootstrap intervals over references ({report['resamples']} resamples).",
        f"For MSE and NLPD -1 is best, for SSIM and MS-SSIM 1. {report['identical_pairs']} of the pairs are",
        f"a reference with itself, which the last two columns leave out. Measured on {day(report)}.",
        "",
        "| metric | Spearman | Pearson | over MSE's Spearman | coded clips alone | over MSE's |",
        "|---|---|---|---|---|---|",
    ]
    for name, metric in report["metrics"].items():
        alone = coded["metrics"][name]
        cells = [
            interval(metric["spearman"]),
            f"{metric['pearson']['value']:.3f}",
            interval(metric["spearman_gain_over_mse"], "+.3f"),
            interval(alone["spearman"]),
            interval(alone["spearman_gain_over_mse"], "+.3f"),
        ]
        title = name.replace("ms_ssim_", "MS-SSIM-").replace("nlpd_", "NLPD ").replace("_", " ")
        title = title if title.startswith(("MS-SSIM", "NLPD")) else title.upper()
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


TABLES = {"speed": speed, "listeners": listeners}
