"""docs/sound.md: the front end both ways against librosa, phases by method, sounds by kind.

On a machine that does nothing else:

    bin/benchmark audio --data=FOLDER --rounds=9 --json > docs/results/audio.json
    bin/benchmark pipeline --data=FOLDER --json > docs/results/pipeline.json

Sound, of models trained at the default settings with seed 0 and called by their losses:

    bin/evaluate --model=... --data=FOLDER --audio --json > docs/results/sound.json
"""

from __future__ import annotations

from tables.files import DOCS, TITLES, day, read, span

PAGE = DOCS / "sound.md"
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
    """The front end both ways against librosa, and the pipeline."""
    report = read("audio")
    rows = {(row["what"], row["librosa"]): row for row in report["speed"]}
    equal = {name: max(row[name] for row in report["equality"]) for name in ("mel", "image")}
    rates = [row["sample_rate_hz"] for row in report["equality"]]
    lines = [
        f"{report['clips']} natural clips of {report['samples'] / 16000:.2f} s at 16 kHz in one batch, "
        f"{report['cores']} cores, against librosa {report['versions']['librosa']}",
        f"in a process of its own; medians of {report['speed'][0]['rounds']} rounds in turns, with their "
        f"range. Measured on {day(report)}.",
        "",
        "| | ms | librosa, one batch | librosa, clip by clip |",
        "|---|---|---|---|",
    ]
    titles = {"mel": "mel", "mel_inverse": "mel inverse", "griffin_lim": "phase, 32 iterations"}
    for what, title in titles.items():
        found = [rows[what, way] for way in ("one batch", "clip by clip")]
        cells = [f"{row['speedup']:.1f} x ({span(row['speedup_range'], '.1f')})" for row in found]
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
    return "\n".join([*lines, "", *_pipeline()])


def _pipeline() -> list[str]:
    by_state = {(row["clips"], row["state"]): row for row in read("pipeline")["runs"]}
    clips = max(count for count, _ in by_state)
    fresh, again = (by_state[clips, state] for state in ("first time", "from the cache"))
    few = by_state[min(count for count, _ in by_state), "first time"]
    return [
        f"{clips} files of PMQD's format become images in {fresh['seconds']:.1f} s, and in "
        f"{again['seconds']:.1f} s from the cache; the process peaks at",
        f"{fresh['peak_bytes'] / 1e6:.0f} MB, with {few['clips']} files at {few['peak_bytes'] / 1e6:.0f} MB.",
    ]


def phases() -> str:
    """Phase reconstruction and mel inverse, method by method."""
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
    return "\n".join(lines)


def kinds() -> str:
    """Sounds after resynthesis: a row a model and kind of sound."""
    report = read("sound")
    found = {**report["front_end_audio"], **{name: m["audio"] for name, m in report["models"].items()}}
    titles = {loss: f"trained with {title}" for loss, title in TITLES.items()}
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
    lines += ["", f"Measured on {day(report)}; every clip of the models at or under 0.5 bpp."]
    return "\n".join(lines)


def _kind(genre: str) -> str:
    if "speech" in genre or "dialogue" in genre:
        return "speech"
    return "environment" if genre in ENVIRONMENT else "music"


TABLES = {"sound": sound, "phases": phases, "kinds": kinds}
