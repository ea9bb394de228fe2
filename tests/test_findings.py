"""docs/findings.md: its numbers are those of the JSON files, its figures can be drawn again."""

from __future__ import annotations

import csv
import json
import re

import pytest

from tests.scripts import REPOSITORY, load_module

PICTURES, RESULTS = REPOSITORY / "docs" / "pictures", REPOSITORY / "docs" / "results"


@pytest.fixture(scope="module")
def figures():
    """The script docs/results/figures.py."""
    return load_module(RESULTS / "figures.py")


@pytest.fixture(scope="module")
def page() -> str:
    """docs/findings.md in one line."""
    return " ".join((REPOSITORY / "docs" / "findings.md").read_text().split())


def _read(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


def test_the_figures_can_be_drawn_again_are_small_and_on_the_page(figures, page, tmp_path):
    figures.write_figures(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(figures.FIGURES)
    assert all(5_000 < path.stat().st_size < 100_000 for path in tmp_path.iterdir())
    before = (tmp_path / "claim.png").read_bytes()
    figures.write_png(figures.FIGURES["claim"], tmp_path / "claim.png")
    assert (tmp_path / "claim.png").read_bytes() == before
    pictures = re.findall(r"!\[[^\]]+\]\(pictures/(\w+)\.png\)", page)
    assert set(figures.FIGURES) <= set(pictures)
    assert all((PICTURES / f"{name}.png").is_file() for name in pictures)


def _ratio(row: dict) -> str:
    return f"{row['ratio']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _estimate(row: dict) -> str:
    low, high = row["ci95"]
    return f"{row['value']:.3f} [{low:.3f}, {high:.3f}]"


def _claim(paper: dict, quick: dict) -> list[str]:
    """Sections 1 and 2."""
    claims, errors = paper["paper"]["claim"], paper["paper"]["table"]
    base = paper["paper"]["constant_image"]
    means = {(name, loss): errors[name][loss]["mse"]["mean"] for name in errors for loss in errors[name]}
    share = {model: 100 * mse / base["mse"] - 100 for model, mse in means.items()}
    models = {name: paper["ablation"]["models"][name] for name in ("levels", "entropy")}
    gains, shares, slopes = {}, {}, {}
    for name, rows in models.items():
        mse, nlpd = rows["mse"]["error"], rows["nlpd"]["error"]
        gains[name] = mse["mse"] - nlpd["mse"]
        shares[name] = [
            100 * (mse["parts"][part] - nlpd["parts"][part]) / gains[name]
            for part in ("level", "contrast", "structure")
        ]
        slopes[name] = 100 * (mse["mse"] - mse["calibrated"]) / gains[name]
    slow = {name: 100 * sum(row["energy"][:3]) for name, row in paper["ablation"]["inputs"].items()}
    assert all(claims[b][loss]["seeds_below"] == 3 for b in claims for loss in claims[b])
    assert sum(mse > base["mse"] for mse in errors["levels"]["ms_ssim"]["mse"]["seeds"]) == 1
    for rows in errors.values():
        assert rows["mse"]["nlpd"]["mean"] > base["nlpd"]
        assert min(row["ms_ssim"]["mean"] for row in rows.values()) > base["ms_ssim"]
    return [
        f"MSE of {base['mse']:.4f}, an NLPD of {base['nlpd']:.3f} and an MS-SSIM of {base['ms_ssim']:.3f}",
        f"have {_ratio(claims['levels']['nlpd'])} of the MSE-trained models' error with the paper's fixed "
        f"levels, and {_ratio(claims['entropy']['nlpd'])} with the entropy",
        f"they have {_ratio(claims['levels']['ms_ssim'])} and {_ratio(claims['entropy']['ms_ssim'])}.",
        f"NLPD's MSE is {-share['levels', 'nlpd']:.0f} % below the constant image's "
        f"({means['levels', 'nlpd']:.4f}), MS-SSIM's {-share['levels', 'ms_ssim']:.0f} % "
        f"({means['levels', 'ms_ssim']:.4f}, one of three seeds above), MSE's "
        f"{share['levels', 'mse']:.0f} % above ({means['levels', 'mse']:.4f})",
        f"far below ({means['entropy', 'nlpd']:.4f}), MS-SSIM's {-share['entropy', 'ms_ssim']:.0f} % "
        f"({means['entropy', 'ms_ssim']:.4f}), MSE's {share['entropy', 'mse']:.0f} % above "
        f"({means['entropy', 'mse']:.4f})",
        f"hold {slow['noise']:.1f} % of its energy, and {slow['clips']:.1f} % of the clips'",
        "{:.0f} % of what NLPD gains over MSE is in levels, {:.0f} % in contrasts, {:.0f} % in".format(
            *shares["entropy"]
        ),
        "it does not: {:.0f} %, {:.0f} % and {:.0f} %".format(*shares["levels"]),
        f"models {slopes['entropy']:.0f} % and {slopes['levels']:.0f} % of the gain",
    ]


def _noise(paper: dict, quick: dict) -> list[str]:
    """Sections 3 and 4."""
    rows = {row["noise"]: row for row in paper["noise"]["rows"]}
    ratios = {name: row["nlpd"]["mse"] / row["mse"]["mse"] for name, row in rows.items()}
    more = [100 * ratios[name] - 100 for name in ("streaked", "pink", "dead_leaves")]
    less = [100 - 100 * rows[n]["nlpd"]["nlpd"] / rows[n]["mse"]["nlpd"] for n in ("pink", "dead_leaves")]
    bound = paper["natural_data_bound"]
    mse, calibrated, nlpd = (bound["contest"][name] for name in ("mse", "calibrated_mse", "nlpd"))
    seeds = [
        [a / b for a, b in zip(row["by_seed"]["streaked noise, MSE"], row["by_seed"]["natural clips, MSE"])]
        for row in (mse, calibrated)
    ]
    clips = mse["by_seed"]["natural clips, MSE"]
    once = {row["learned_from"]: row["mse"] for row in bound["rows"]["levels"]}
    noise, data = once["streaked noise, MSE"], once["natural clips, MSE"]
    for rows_of in bound["rows"].values():
        by_name = {row["learned_from"]: row["mse"] for row in rows_of}
        assert by_name["natural clips, self-supervised, then MSE"] > by_name["natural clips, MSE"]
    return [
        "an error of {:.4f}, of dead leaves {:.4f}, of streaks {:.4f}".format(
            *(rows[name]["mse"]["mse"] for name in ("uniform", "dead_leaves", "streaked"))
        ),
        f"uniform noise by {1 / ratios['uniform']:.1f}",
        f"it has {min(more):.0f} to {max(more):.0f} % *more* MSE",
        f"and {less[0]:.1f} to {less[1]:.0f} % less NLPD",
        f"model down to {rows['contrast']['mse']['mse']:.4f}",
        f"have {_ratio(mse)} of the MSE and {_ratio(nlpd)} of the NLPD of their twins trained on "
        f"{bound['clips_learned']} natural clips, on {bound['clips_tested']} clips",
        f"ended at {clips[2]:.4f}, where the others ended at {clips[0]:.4f} and {clips[1]:.4f}",
        "the ratios are {:.3f}, {:.3f} and {:.3f}".format(*seeds[0]),
        "{:.3f}, {:.3f} and {:.3f} (all: ".format(*seeds[1]) + _ratio(calibrated),
        f"{noise / data:.1f} times its error ({noise:.4f} to {data:.4f}, one seed)",
    ]


def _quick(paper: dict, quick: dict) -> list[str]:
    """Sections 5 to 7."""
    rate, gradient, advice = (quick[name] for name in ("rate", "quantizer_gradient", "guidelines"))
    mse = {(row["bottleneck"], row["bpp_target"], row["loss"]): row["mse"] for row in rate["rows"]}
    ratios = {
        (bottleneck, loss): [
            mse[bottleneck, bpp, loss] / mse[bottleneck, bpp, "mse"] for bpp in (0.125, 0.25, 0.5, 1, 2)
        ]
        for bottleneck in ("2 levels", "entropy")
        for loss in ("nlpd", "ms_ssim")
    }
    ahead = sum(ratio < 1 for (_, loss), each in ratios.items() for ratio in each if loss == "ms_ssim")
    failed = sum(row["mse"] >= rate["constant_image_mse"] for row in rate["rows"])
    above = [row for row in rate["rows"] if row["bpp_max"] > row["bpp_target"]]
    assert [(row["bottleneck"], row["loss"], row["bpp_target"]) for row in above] == [("entropy", "nlpd", 2)]
    errors = {row["s"]: row["mse"] for row in gradient["rows"]}
    worse = [100 * errors[s] / min(errors.values()) - 100 for s in (100, 1000, 10000)]
    assert max(errors[s] for s in (0.1, 1, 10)) < 1.05 * min(errors.values())
    assert all(row["finished"] for row in gradient["rows"])
    norms = [row["gradient_norm_largest"] for row in gradient["rows"]]
    calmest = min(row["gradient_norm_median"] for row in gradient["rows"])
    mixed = {(row["loss"], row["weight"]): row["mse"] for row in advice["mixtures"]}
    assert min(mixed, key=mixed.get) == ("nlpd", 1)
    assert min((key for key in mixed if key[0] == "ms_ssim"), key=mixed.get) == ("ms_ssim", 0.02)
    tuned = {(row["from"], row["clips"]): row["mse"] for row in advice["tuned"]}
    shares = [tuned["noise", clips] / tuned["scratch", clips] for clips in (5, 20, 50)]
    return [
        "NLPD has {:.2f} to {:.2f} of".format(
            min(ratios["2 levels", "nlpd"]), max(ratios["2 levels", "nlpd"])
        ),
        "and {:.2f} to {:.2f} with".format(min(ratios["entropy", "nlpd"]), max(ratios["entropy", "nlpd"])),
        f"MS-SSIM is ahead at {ahead} of the 10 points. But {failed} of all {len(rate['rows'])} models",
        f"from {mse['entropy', 0.5, 'nlpd']:.4f} at 0.5 to {mse['entropy', 1, 'nlpd']:.4f} at 1",
        f"some clip takes {above[0]['bpp_max']:.2f}",
        f"within 5 % ({errors[0.1]:.4f} to {errors[10]:.4f})",
        f"{min(worse):.0f} to {max(worse):.0f} % above the lowest",
        f"grows to {max(norms) / calmest:.0f} times the calmest",
        f"best alone ({mixed['nlpd', 1]:.4f}), MS-SSIM at a weight of 0.02 ({mixed['ms_ssim', 0.02]:.4f}; "
        f"alone, {mixed['ms_ssim', 1]:.4f}, it is",
        f"from scratch reach {tuned['scratch', 5]:.4f}",
        f"gives {min(shares):.2f} to {max(shares):.2f} of the error from scratch",
    ]


def _further(paper: dict, quick: dict) -> list[str]:
    """Sections 8 to 10."""
    images = {name: model["losses"] for name, model in paper["images"]["models"].items()}
    sound = paper["sound"]["models"]
    measures = ("level_db", "values", "along_time_db", "along_frequency_db")
    random = paper["generation"]
    drawn = [losses[loss]["clips"] for losses in random["models"].values() for loss in losses]
    distances = [
        (row[name], random["uniform"][name], random["floor"][name]) for row in drawn for name in measures
    ]
    lasting = [row["lasting"] for row in drawn]
    best = min(row["log_spectral_distance_db"]["mean"] for rows in sound.values() for row in rows.values())
    scores = [score for rows in sound.values() for score in rows["nlpd"].values()]
    assert all(score["high"] < 1 for score in scores)
    return [
        f"NLPD has {_ratio(images['levels']['nlpd']['ratio'])} of",
        f"and {_ratio(images['entropy']['nlpd']['ratio'])} with",
        f"MS-SSIM {_ratio(images['levels']['ms_ssim']['ratio'])} and "
        f"{_ratio(images['entropy']['ms_ssim']['ratio'])}",
        f"{paper['images']['models']['levels']['tiles']} tiles of only 3 photographs",
        f"falls to {_ratio(sound['levels']['nlpd']['added_db'])} with levels and to "
        f"{_ratio(sound['entropy']['nlpd']['added_db'])} with",
        f"convergence ({_ratio(sound['entropy']['ms_ssim']['spectral_convergence'])}, entropy)",
        f"{best:.1f} dB of log-spectral distance at best, where the front end alone has "
        f"{paper['sound']['front_end']['log_spectral_distance_db']:.1f} dB",
        f"{paper['sound']['clips']} clips, one seed, intervals",
        f"correlate by {min(lasting):.3f} to {max(lasting):.3f}, in clips by {random['lasting']:.2f}",
        f"Of {len(distances)} distances to real clips {sum(a < b for a, b, _ in distances)} are below those "
        f"of uniform noise, but only {sum(a <= 2 * c for a, _, c in distances)} is within twice",
    ]


@pytest.mark.parametrize("statements", [_claim, _noise, _quick, _further])
def test_the_page_says_what_the_reproduction_found(page, statements):
    reports = [_read(name) for name in ("reproduction", "reproduction_quick")]
    assert [report["steps"] for report in reports] == [1500, 500]
    assert all(report["clips"] == 111 and report["seeds"] == 3 for report in reports)
    for statement in statements(*(report["sections"] for report in reports)):
        assert statement in page


def test_the_page_says_what_the_codec_and_the_listeners_gave(page):
    codec = _read("codec")
    compared = [row for row in codec["curve"] if "ours_to_theirs" in row]
    mse = {(row["codec"], row["bpp_target"]): row["ours_to_theirs"]["mse"] for row in compared}
    everyone, coded = _read("listeners")["metrics"], _read("listeners_coded")["metrics"]
    steps = _read("models")["models"]["best"]["training"]["steps"]
    assert codec["part"] == "odd"
    for statement in (
        f"On {codec['clips']} held-out clips",
        f"`best` has {_estimate(mse['jpeg', 0.5])} of JPEG's MSE and {_estimate(mse['webp', 0.5])} of",
        f"JPEG 2000's {_estimate(mse['jpeg2000', 0.5])} is a draw",
        f"At 0.7 it has {_estimate(mse['jpeg2000', 0.7])} of",
        f"{steps:,} steps on streaked noise",
        f"is {_estimate(everyone['nlpd_2016']['spearman'])}, MSE's "
        f"{everyone['mse']['spearman']['value']:.3f}",
        f"difference is {_estimate(everyone['nlpd_2016']['spearman_gain_over_mse'])}",
        f"over MSE, {_estimate(everyone['ms_ssim_4']['spearman_gain_over_mse'])}, is not established",
        f"NLPD has {_estimate(coded['nlpd_2016']['spearman'])}.",
    ):
        assert statement in page


def test_the_page_tells_how_many_held_out_clips_share_a_recording(natural_folder, page):
    with open(natural_folder / "ATTRIBUTION.csv", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["sample_filename"])
    sources = [(row["debian_package"], row["file"]) for row in rows]
    shared = sum(source in sources[0::2] for source in sources[1::2])
    assert f"{shared} of the {len(sources[1::2])} are excerpts" in page
