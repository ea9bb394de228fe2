#!/usr/bin/env python3
"""Writes the tables of README.md and of the pages in docs/ from the JSON files beside this script.

Results: each NAME.json is the output of bin/evaluate --json on models called LOSS_NAME_SEED. How they are
made, for NAME in default, quick, paper and SEED in 0, 1, 2:

    bin/train --loss=LOSS --seed=SEED --name=LOSS_NAME_SEED [--flagfile=configs/NAME.cfg]
    bin/evaluate --model=... --data=FOLDER --json > docs/results/NAME.json

In the files of 2026-11-23 all models of "paper", those of seed 0 of "quick" and nlpd_default_0 were trained
with two threads, the others with TF_NUM_INTRAOP_THREADS=1, which changes the last digits of a training.

Listeners, where nlpd_natural.json was fitted to other audio than the rated clips:

    bin/fit_nlpd --data=FOLDER -o nlpd_natural.json
    bin/correlate --ratings=ratings.csv --nlpd_parameters=nlpd_natural.json --json > listeners.json
    bin/correlate ... --noidentical --json > listeners_coded.json

Noise families, and bfloat16:

    bin/sweep --flagfile=configs/quick.cfg --noise=FAMILY,FAMILY,... --loss=mse,nlpd
    bin/evaluate --model=... --data=FOLDER --json > docs/results/noise.json
    bin/sweep --flagfile=configs/quick.cfg --loss=mse,ms_ssim,nlpd --precision=bfloat16
    bin/evaluate --model=... --data=FOLDER --json > docs/results/bfloat16.json

Speed, on a machine that does nothing else:

    bin/benchmark losses --rounds=15 --json > docs/results/losses.json
    bin/benchmark audio --data=FOLDER --rounds=9 --json > docs/results/audio.json
    bin/benchmark pipeline --data=FOLDER --json > docs/results/pipeline.json
    bin/benchmark training --json > docs/results/training.json
    bin/benchmark serving --json > docs/results/serving.json
    bin/benchmark codec --data=FOLDER --plot=docs/pictures/rate_distortion.png --overwrite --json > codec.json

Sound, of models trained at the default settings with seed 0 and called by their losses:

    bin/evaluate --model=... --data=FOLDER --audio --json > docs/results/sound.json

Example:
    python docs/results/table.py
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE.parents[1] / "README.md"
SOUND = HERE.parent / "sound.md"
TRAINING = HERE.parent / "training.md"
SERVING = HERE.parent / "serving.md"
NOISE = HERE.parent / "noise.md"
LOSSES = ("mse", "nlpd", "ms_ssim")
LISTENERS = ("listeners", "listeners_coded")
KINDS = ("music", "speech", "environment")
ENVIRONMENT = {
    "Applause",
    "Crowd",
    "Fire",
    "Machine",
    "Rain",
    "Sauna steam",
    "Sliding & scraping",
    "Vinyl hiss",
    "Water",
}
TITLES = {
    "default": "default settings",
    "quick": "`configs/quick.cfg`",
    "paper": "`configs/paper.cfg`",
}


def table() -> str:
    """The table in Markdown: a row a loss and setting, means over seeds, ratios to the MSE-trained model."""
    reports = {name: json.loads((HERE / f"{name}.json").read_text()) for name in TITLES}
    first = reports["default"]
    clips = next(iter(first["models"].values()))["clips"]
    lines = [
        f"Trained on uniform noise, scored on {clips} natural clips (music, speech, environment), every clip",
        "at or under 0.5 bpp. Means over three seeds; the ratio to the MSE-trained model of the same seed is",
        f"given with its smallest and largest value. Measured on {first['date'][:10]}.",
        "",
        "| setting | trained with | MSE | ratio | NLPD | MS-SSIM-4 | bpp mean | bpp largest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, title in TITLES.items():
        for loss in LOSSES:
            lines.append(_row(reports[name]["models"], name, title, loss))
    return "\n".join(lines)


def _row(models: dict, name: str, title: str, loss: str) -> str:
    seeds = sorted({key.rsplit("_", 1)[1] for key in models})
    chosen = [models[f"{loss}_{name}_{seed}"] for seed in seeds]
    ratios = [
        model["metrics"]["mse"]["mean"] / models[f"mse_{name}_{seed}"]["metrics"]["mse"]["mean"]
        for model, seed in zip(chosen, seeds)
    ]
    means = [
        statistics.mean(model["metrics"][metric]["mean"] for model in chosen)
        for metric in ("mse", "nlpd", "ms_ssim")
    ]
    spread = f"{statistics.mean(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
    ratio = "1" if loss == "mse" else spread
    rate = statistics.mean(model["bpp"] for model in chosen)
    largest = max(model["bpp_max"] for model in chosen)
    label = {"mse": "MSE", "nlpd": "NLPD", "ms_ssim": "MS-SSIM"}[loss]
    return (
        f"| {title} | {label} | {means[0]:.4f} | {ratio} | {means[1]:.3f} | {means[2]:.3f} "
        f"| {rate:.3f} | {largest:.4f} |"
    )


def listeners_table() -> str:
    """How metrics agree with listeners: a row a metric, all pairs and those of coded clips alone."""
    report, coded = (json.loads((HERE / f"{name}.json").read_text()) for name in LISTENERS)
    lines = [
        f"{report['pairs']} rated pairs of {report['references']} speech clips, as mel-spectrograms;",
        f"correlations with 95 % bootstrap intervals over references ({report['resamples']} resamples).",
        f"For MSE and NLPD -1 is best, for SSIM and MS-SSIM 1. {report['identical_pairs']} of the pairs are",
        f"a reference with itself, which the last two columns leave out. Measured on {report['date'][:10]}.",
        "",
        "| metric | Spearman | Pearson | over MSE's Spearman | coded clips alone | over MSE's |",
        "|---|---|---|---|---|---|",
    ]
    for name, metric in report["metrics"].items():
        alone = coded["metrics"][name]
        cells = [
            _interval(metric["spearman"]),
            f"{metric['pearson']['value']:.3f}",
            _interval(metric["spearman_gain_over_mse"], "+.3f"),
            _interval(alone["spearman"]),
            _interval(alone["spearman_gain_over_mse"], "+.3f"),
        ]
        title = name.replace("ms_ssim_", "MS-SSIM-").replace("nlpd_", "NLPD ").replace("_", " ")
        title = title if title.startswith(("MS-SSIM", "NLPD")) else title.upper()
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def speed_table() -> str:
    """The losses against others: a row a loss and direction."""
    report = json.loads((HERE / "losses.json").read_text())
    batch, height, width, channels = report["shape"]
    shares = {row["loss"]: 100 * row["share"] for row in report["training"]}
    rounds = report["losses"][0]["rounds"]
    lines = [
        f"Images [{batch}, {height}, {width}, {channels}], float32, {report['cores']} cores; medians of",
        f"{rounds} rounds in turns, peak memory of fresh processes. Measured on {report['date'][:10]}.",
        f"Of a training step at the default settings MS-SSIM and its gradient take "
        f"{shares['ms_ssim']:.1f} %, NLPD {shares['nlpd']:.1f} %.",
        "",
        "| loss | against | direction | speed-up | peak memory, MB | theirs |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["losses"]:
        label = {"nlpd": "NLPD", "ms_ssim": "MS-SSIM"}[row["loss"]]
        low, high = row["speedup_range"]
        theirs = f"`{row['baseline']}`" if row["baseline"].startswith("tf.") else row["baseline"]
        lines.append(
            f"| {label} | {theirs} | {row['direction']} | {row['speedup']:.2f} ({low:.2f} to {high:.2f}) "
            f"| {row['peak_bytes'] / 1e6:.0f} | {row['baseline_peak_bytes'] / 1e6:.0f} |"
        )
    return "\n".join(lines)


def sound_table() -> str:
    """The front end both ways against librosa, and the pipeline."""
    report, runs = (json.loads((HERE / f"{name}.json").read_text()) for name in ("audio", "pipeline"))
    rows = {(row["what"], row["librosa"]): row for row in report["speed"]}
    equal = {name: max(row[name] for row in report["equality"]) for name in ("mel", "image")}
    rates = [row["sample_rate_hz"] for row in report["equality"]]
    lines = [
        f"{report['clips']} natural clips of {report['samples'] / 16000:.2f} s at 16 kHz in one batch, "
        f"{report['cores']} cores, against librosa {report['versions']['librosa']}",
        f"in a process of its own; medians of {report['speed'][0]['rounds']} rounds in turns, with their "
        f"range. Measured on {report['date'][:10]}.",
        "",
        "| | ms | librosa, one batch | librosa, clip by clip |",
        "|---|---|---|---|",
    ]
    titles = {"mel": "mel", "mel_inverse": "mel inverse", "griffin_lim": "phase, 32 iterations"}
    for what, title in titles.items():
        found = [rows[what, way] for way in ("one batch", "clip by clip")]
        cells = [f"{row['speedup']:.1f} x ({_range(row['speedup_range'], '.1f')})" for row in found]
        lines.append(f"| {title} | {1e3 * found[0]['seconds']:.1f} | {cells[0]} | {cells[1]} |")
    lines += [
        "",
        f"From {min(rates) / 1000:g} to {max(rates) / 1000:g} kHz our mel differs from librosa's by at most "
        f"{equal['mel']:.0e} of the clip's maximum, the image by {equal['image']:.0e}.",
        "",
        "| image to sound, 32 iterations | mel MSE of the image again | largest of a clip "
        "| spectral convergence | log-spectral distance |",
        "|---|---|---|---|---|",
    ]
    for row in report["round_trip"]:
        name = "librosa's `mel_to_audio`" if row["method"] == "librosa" else row["method"]
        lines.append(
            f"| {name} | {row['mel_mse']:.5f} | {row['mel_mse_largest']:.5f} "
            f"| {row['spectral_convergence']:.3f} | {row['log_spectral_distance_db']:.2f} dB |"
        )
    by_state = {(row["clips"], row["state"]): row for row in runs["runs"]}
    clips = max(count for count, _ in by_state)
    fresh, again = (by_state[clips, state] for state in ("first time", "from the cache"))
    few = by_state[min(count for count, _ in by_state), "first time"]
    lines += [
        "",
        f"{clips} files of PMQD's format become images in {fresh['seconds']:.1f} s, and in "
        f"{again['seconds']:.1f} s from the cache; the process peaks at",
        f"{fresh['peak_bytes'] / 1e6:.0f} MB, with {few['clips']} files at {few['peak_bytes'] / 1e6:.0f} MB.",
    ]
    return "\n".join(lines)


def codec_table() -> str:
    """The codec: rate and distortion beside codecs of images, speed, memory, bits."""
    report = json.loads((HERE / "codec.json").read_text())
    titles = {"jpeg": "JPEG", "jpeg2000": "JPEG 2000", "webp": "WebP"}
    pairs = zip(report["rate_distortion"], report["rate_distortion_files"])
    first = report["rate_distortion"][0]
    lines = [
        f"The mel images of {first['clips']} natural clips, each with the best quality at or under "
        f"{first['bpp_target']:g} bits per pixel, of which",
        "only the entropy-coded data count, or the whole file (ours with header and framing). "
        f"Measured on {report['date'][:10]}.",
        "",
        "| | bpp | MSE | NLPD | MS-SSIM-4 | bpp of files | MSE | NLPD | MS-SSIM-4 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for payload, file in pairs:
        cells = []
        for row in (payload, file):
            cells += [f"{row['bpp']:.3f}", f"{row['mse']:.5f}", f"{row['nlpd']:.3f}", f"{row['ms_ssim']:.3f}"]
        name = payload["codec"].replace("tfnoise:", "tfnoise, ")
        lines.append(f"| {titles.get(name, name)} | " + " | ".join(cells) + " |")
    speed = {row["what"]: row for row in report["speed"]}
    rounds, duration_s = report["speed"][0]["rounds"], report["speed"][0]["duration_s"]
    lines += [
        "",
        f"{duration_s:g} s of sound at 48 kHz, {report['cores']} cores, medians of {rounds} rounds in turns:",
        "",
        "| | times real time |",
        "|---|---|",
    ]
    for what, row in speed.items():
        low, high = row["real_time_factor_range"]
        lines.append(f"| {what} | {row['real_time_factor']:.0f} ({low:.0f} to {high:.0f}) |")
    lines += [
        "",
        "| minutes of sound | peak MB above the idle process, compress | decompress |",
        "|---|---|---|",
    ]
    for row in report["memory"]:
        grown = [f"{row[f'{what}_bytes'] / 1e6:.0f}" for what in ("compress", "decompress")]
        lines.append(f"| {row['duration_s'] / 60:g} | {grown[0]} | {grown[1]} |")
    extra = max(row["extra_bits_max"] for row in report["bits"])
    more = max(row["payload_bits"] / row["estimated_bits"] - 1 for row in report["bits"])
    rates = ", ".join(f"{row['bpp_target']:g}" for row in report["bits"])
    lines += [
        "",
        f"At {rates} bits per pixel the strings have at most {100 * more:.2f} % more bits than their",
        f"symbols' information, and none more than {extra:.1f} bits.",
    ]
    return "\n".join(lines)


def phases_table() -> str:
    """Phase reconstruction and mel inverse, method by method."""
    report = json.loads((HERE / "audio.json").read_text())
    lines = ["| phase from true magnitudes | iterations | spectral convergence |", "|---|---|---|"]
    lines += [
        f"| {row['method']} | {row['iterations']} | {row['spectral_convergence']:.4f} |"
        for row in sorted(report["phases"], key=lambda row: row["iterations"])
    ]
    lines += ["", "| magnitudes from the image | spectral convergence | log-spectral distance | mel MSE |"]
    lines.append("|---|---|---|---|")
    lines += [
        f"| {row['method']} | {row['spectral_convergence']:.3f} "
        f"| {row['log_spectral_distance_db']:.2f} dB | {row['mel_mse']:.6f} |"
        for row in report["magnitudes"]
    ]
    return "\n".join(lines)


def kinds_table() -> str:
    """Sounds after resynthesis: a row a model and kind of sound."""
    report = json.loads((HERE / "sound.json").read_text())
    found = {**report["front_end_audio"], **{name: m["audio"] for name, m in report["models"].items()}}
    titles = {"mse": "trained with MSE", "ms_ssim": "trained with MS-SSIM", "nlpd": "trained with NLPD"}
    lines = [
        "| | sounds | clips | log-spectral distance | spectral convergence | mel MSE |",
        "|---|---|---|---|---|---|",
    ]
    for name, scores in found.items():
        for kind in (*KINDS, "all"):
            chosen = {g: v for g, v in scores["genres"].items() if kind in ("all", _kind(g))}
            clips = sum(genre["clips"] for genre in chosen.values())
            means = [
                sum(genre["clips"] * genre["metrics"][metric]["mean"] for genre in chosen.values()) / clips
                for metric in ("log_spectral_distance_db", "spectral_convergence", "mel_mse")
            ]
            lines.append(
                f"| {titles.get(name, name)} | {kind} | {clips} "
                f"| {means[0]:.2f} dB | {means[1]:.3f} | {means[2]:.5f} |"
            )
    lines += ["", f"Measured on {report['date'][:10]}; every clip of the models at or under 0.5 bpp."]
    return "\n".join(lines)


def training_table() -> str:
    """Time of a step: a row a trainer, loss and precision, and two workers."""
    report = json.loads((HERE / "training.json").read_text())
    titles = {"mse": "MSE", "ms_ssim": "MS-SSIM", "nlpd": "NLPD"}
    lines = [
        "| trainer | loss | precision | ms a step | images/s | time, of plain MSE |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["trainers"]:
        loss = titles.get(row["loss"], f"`{row['loss']}`")
        lines.append(
            f"| {row['trainer']} | {loss} | {row['precision']} | {1e3 * row['step_seconds']:.1f} "
            f"| {row['images_per_s']:.0f} | {row['of_floor']:.2f} ({_range(row['of_floor_range'], '.2f')}) |"
        )
    workers = report["workers"]
    lines += [
        f"| ours, {workers['workers']} workers | MS-SSIM | float32 | {1e3 * workers['step_seconds']:.1f} "
        f"| {workers['images_per_s']:.0f} | |",
        "",
        f"Medians of {report['trainers'][0]['rounds']} rounds in turns, and the range of the rounds' ratios; "
        f"{report['cores']} cores, bfloat16 "
        f"{'native' if report['native_bfloat16'] else 'not native'}; measured on {report['date'][:10]}.",
    ]
    return "\n".join(lines)


def serving_table() -> str:
    """Requests a second and latencies: a row a signature, runtime and number of clients."""
    report = json.loads((HERE / "serving.json").read_text())
    lines = ["| signature | runtime | clients | requests/s | median | 95 % |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{row['signature']}` | {row['runtime']} | {row['clients']} | {row['requests_per_s']:.1f} "
        f"| {row['latency_ms']:.1f} ms | {row['latency_p95_ms']:.1f} ms |"
        for row in report["serving"]
    ]
    lines += [
        "",
        f"`{report['model']}`, medians of {report['serving'][0]['rounds']} rounds, {report['cores']} cores; "
        f"measured on {report['date'][:10]}.",
    ]
    return "\n".join(lines)


def bfloat16_table() -> str:
    """The paper's ratios, trained in float32 and in bfloat16."""
    models = json.loads((HERE / "quick.json").read_text())["models"]
    lower = json.loads((HERE / "bfloat16.json").read_text())
    lines = [
        "| trained with | MSE in bfloat16 | of MSE-trained | in float32, three seeds |",
        "|---|---|---|---|",
    ]
    for loss in LOSSES:
        mean = lower["models"][loss]["metrics"]["mse"]["mean"]
        ratio = mean / lower["models"]["mse"]["metrics"]["mse"]["mean"]
        ratios = [
            models[f"{loss}_quick_{seed}"]["metrics"]["mse"]["mean"]
            / models[f"mse_quick_{seed}"]["metrics"]["mse"]["mean"]
            for seed in range(3)
        ]
        title = {"mse": "MSE", "nlpd": "NLPD", "ms_ssim": "MS-SSIM"}[loss]
        lines.append(f"| {title} | {mean:.4f} | {ratio:.3f} | {_range([min(ratios), max(ratios)], '.3f')} |")
    lines += ["", f"`configs/quick.cfg`; in bfloat16 seed 0 alone; measured on {lower['date'][:10]}."]
    return "\n".join(lines)


def noise_table() -> str:
    """What is learned from which noise: a row a family, columns by loss."""
    report = json.loads((HERE / "noise.json").read_text())
    models = report["models"]
    families = list(dict.fromkeys(name.split("_", 1)[1] for name in models))
    lines = [
        "| | MSE | | NLPD | | MS-SSIM-4 | |",
        "|---|---|---|---|---|---|---|",
        "| noise | trained with MSE | with NLPD | with MSE | with NLPD | with MSE | with NLPD |",
    ]
    for family in families:
        cells = [
            f"{models[f'{loss}_{family}']['metrics'][metric]['mean']:{form}}"
            for metric, form in (("mse", ".4f"), ("nlpd", ".3f"), ("ms_ssim", ".3f"))
            for loss in ("mse", "nlpd")
        ]
        lines.append(f"| {family} | {' | '.join(cells)} |")
    first = next(iter(models.values()))
    lines += ["", f"{first['clips']} natural clips, each at or under 0.5 bpp; seed 0; {report['date'][:10]}."]
    return "\n".join(lines)


def _kind(genre: str) -> str:
    if "speech" in genre or "dialogue" in genre:
        return "speech"
    return "environment" if genre in ENVIRONMENT else "music"


def _range(ends: list[float], form: str) -> str:
    return f"{ends[0]:{form}} to {ends[1]:{form}}"


def _interval(estimate: dict | None, form: str = ".3f") -> str:
    if estimate is None or estimate["value"] is None:
        return "-"
    low, high = estimate["ci95"]
    return f"{estimate['value']:{form}} [{low:{form}}, {high:{form}}]"


TABLES = {
    "results": (README, table),
    "listeners": (README, listeners_table),
    "speed": (README, speed_table),
    "sound": (README, sound_table),
    "codec": (README, codec_table),
    "phases": (SOUND, phases_table),
    "kinds": (SOUND, kinds_table),
    "training": (TRAINING, training_table),
    "bfloat16": (TRAINING, bfloat16_table),
    "serving": (SERVING, serving_table),
    "noise": (NOISE, noise_table),
}
"""By name: where a table stands, and what makes it."""


def marks(name: str) -> tuple[str, str]:
    """What begins and ends a table in its file."""
    return f"<!-- {name}: begin (docs/results/table.py writes this) -->", f"<!-- {name}: end -->"


def main() -> None:
    """Puts the tables between their marks."""
    for name, (path, make) in TABLES.items():
        begin, end = marks(name)
        head, rest = path.read_text().split(begin, 1)
        _, tail = rest.split(end, 1)
        path.write_text(f"{head}{begin}\n{make()}\n{end}{tail}")
    for path in sorted({path for path, _ in TABLES.values()}):
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
