r"""The audio front end against librosa, phase reconstruction by method, sound quality by kind of sound.

On an otherwise idle machine:

    bin/benchmark audio --data=FOLDER --rounds=9 --librosa_python=librosa/bin/python --json \
        > docs/results/audio.json
    bin/benchmark pipeline --data=FOLDER --json > docs/results/pipeline.json

Sound, of models trained at the default settings with seed 0 and called by their losses:

    bin/evaluate --model=... --data=FOLDER --audio --json > docs/results/sound.json
"""

from __future__ import annotations

from tables.files import RESULTS, TITLES, day, filled, read, span

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


def sound() -> str:
    """Speed and round trip of the front end, and the speed of the data pipeline."""
    report = read("audio")
    rows = {(row["what"], row["librosa"]): row for row in report["speed"]}
    lines = ["| operation | ms | speed-up over librosa, one batch | clip by clip |", "|---|---|---|---|"]
    titles = {"mel": "mel", "mel_inverse": "mel inverse", "griffin_lim": "phase, 32 iterations"}
    for what, title in titles.items():
        ways = [rows[what, way] for way in ("one batch", "clip by clip")]
        cells = [f"{row['speedup']:.1f} x ({span(row['speedup_range'], '.1f')})" for row in ways]
        lines.append(f"| {title} | {1e3 * ways[0]['seconds']:.1f} | {cells[0]} | {cells[1]} |")
    equal = {name: max(row[name] for row in report["equality"]) for name in ("mel", "image")}
    rates = [row["sample_rate_hz"] / 1000 for row in report["equality"]]
    caption = (
        f"{report['clips']} natural clips of {report['samples'] / 16000:.2f} s at 16 kHz, {report['cores']} "
        f"cores, librosa {report['versions']['librosa']} in its own process; medians (and ranges) of "
        f"{report['speed'][0]['rounds']} interleaved rounds, {day(report)}. Largest difference from librosa "
        f"at {min(rates):g} to {max(rates):g} kHz: mel {equal['mel']:.0e} of the clip's maximum, "
        f"image {equal['image']:.0e}."
    )
    lines += [
        "",
        filled(caption),
        "",
        "| image to sound, 32 iterations | mel MSE after the round trip | largest over clips "
        "| spectral convergence | log-spectral distance |",
        "|---|---|---|---|---|",
    ]
    for row in report["round_trip"]:
        name = "librosa's `mel_to_audio`" if row["method"] == "librosa" else "tfnoise"
        lines.append(
            f"| {name} | {row['mel_mse']:.5f} | {row['mel_mse_largest']:.5f} "
            f"| {row['spectral_convergence']:.3f} | {row['log_spectral_distance_db']:.2f} dB |"
        )
    lines += ["", "| files of PMQD's format to images | seconds | peak MB |", "|---|---|---|"]
    lines += [
        f"| {row['clips']}, {row['state']} | {row['seconds']:.1f} | {row['peak_bytes'] / 1e6:.0f} |"
        for row in read("pipeline")["runs"]
    ]
    return "\n".join(lines)


def phases() -> str:
    """One row per method of phase reconstruction, and of the mel inverse."""
    report = read("audio")
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
    lines += ["", f"Means over {report['clips']} natural clips, {day(report)}."]
    return "\n".join(lines)


def kinds() -> str:
    """One row per model and kind of sound."""
    report = read("sound")
    scores_by_model = {
        **report["front_end_audio"],
        **{name: m["audio"] for name, m in report["models"].items()},
    }
    titles = {loss: f"trained with {title}" for loss, title in TITLES.items()}
    lines = [
        "| model | sounds | clips | log-spectral distance | spectral convergence | mel MSE |",
        "|---|---|---|---|---|---|",
    ]
    for name, scores in scores_by_model.items():
        for kind in (*KINDS, "all"):
            genres = {g: v for g, v in scores["genres"].items() if kind in ("all", _kind(g))}
            clips = sum(genre["clips"] for genre in genres.values())
            means = [
                sum(genre["clips"] * genre["metrics"][metric]["mean"] for genre in genres.values()) / clips
                for metric in ("log_spectral_distance_db", "spectral_convergence", "mel_mse")
            ]
            lines.append(
                f"| {titles.get(name, name)} | {kind} | {clips} "
                f"| {means[0]:.2f} dB | {means[1]:.3f} | {means[2]:.5f} |"
            )
    lines += ["", f"Uniform noise, default settings, seed 0; every clip at or below 0.5 bpp; {day(report)}."]
    return "\n".join(lines)


def _kind(genre: str) -> str:
    if "speech" in genre or "dialogue" in genre:
        return "speech"
    return "environment" if genre in ENVIRONMENT else "music"


TABLES = {"sound": (RESULTS, sound), "phases": (RESULTS, phases), "kinds": (RESULTS, kinds)}
