"""The losses' speed, and their correlation with listeners' ratings.

On an otherwise idle machine:

    bin/benchmark losses --rounds=15 --json > docs/results/losses.json

Listeners, where nlpd_natural.json was fitted to other audio than the rated clips:

    bin/fit_nlpd --data=FOLDER -o nlpd_natural.json
    bin/correlate --ratings=ratings.csv --nlpd_parameters=nlpd_natural.json --json \
        > docs/results/listeners.json
    bin/correlate ... --noidentical --json > docs/results/listeners_coded.json
"""

from __future__ import annotations

from tables.files import RESULTS, TITLES, day, filled, interval, read, span


def speed() -> str:
    """One row per loss and direction."""
    report = read("losses")
    lines = [
        "| loss | reference | direction | speed-up | peak memory, MB | of the reference |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["losses"]:
        reference = f"`{row['baseline']}`" if row["baseline"].startswith("tf.") else row["baseline"]
        lines.append(
            f"| {TITLES[row['loss']]} | {reference} | {row['direction']} "
            f"| {row['speedup']:.2f} ({span(row['speedup_range'], '.2f')}) "
            f"| {row['peak_bytes'] / 1e6:.0f} | {row['baseline_peak_bytes'] / 1e6:.0f} |"
        )
    shape = ", ".join(map(str, report["shape"]))
    shares = "; ".join(f"{TITLES[row['loss']]} {100 * row['share']:.1f} %" for row in report["training"])
    caption = (
        f"Images [{shape}], float32, {report['cores']} cores; medians (and ranges) of "
        f"{report['losses'][0]['rounds']} interleaved rounds, peak memory of fresh processes, "
        f"{day(report)}. Share of a training step at the default settings: {shares}."
    )
    return "\n".join([*lines, "", filled(caption)])


def listeners() -> str:
    """One row per metric: all pairs, and those of coded clips only."""
    report, coded = read("listeners"), read("listeners_coded")
    lines = [
        "| metric | Spearman | Pearson | gain over MSE (Spearman) | Spearman, coded only | gain over MSE |",
        "|---|---|---|---|---|---|",
    ]
    for name, metric in report["metrics"].items():
        coded_only = coded["metrics"][name]
        cells = [
            interval(metric["spearman"]),
            f"{metric['pearson']['value']:.3f}",
            interval(metric["spearman_gain_over_mse"], "+.3f"),
            interval(coded_only["spearman"]),
            interval(coded_only["spearman_gain_over_mse"], "+.3f"),
        ]
        title = name.replace("ms_ssim_", "MS-SSIM-").replace("nlpd_", "NLPD ").replace("_", " ")
        title = title if title.startswith(("MS-SSIM", "NLPD")) else title.upper()
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    caption = (
        f"{report['pairs']} rated pairs of {report['references']} speech clips, as mel-spectrograms; 95 % "
        f"bootstrap intervals over references ({report['resamples']} resamples), {day(report)}. Ideal: -1 "
        f"for MSE and NLPD, 1 for SSIM and MS-SSIM. Coded only: without the {report['identical_pairs']} "
        f"pairs of a reference with itself."
    )
    return "\n".join([*lines, "", filled(caption)])


TABLES = {"speed": (RESULTS, speed), "listeners": (RESULTS, listeners)}
