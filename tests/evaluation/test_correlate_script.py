"""bin/correlate and bin/fit_nlpd from the outside."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import soundfile

from tfnoise.data.clip_list import COLUMNS


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """Eight noisy versions of each of three references, rated by how much noise there is."""
    folder = tmp_path_factory.mktemp("rated")
    random = np.random.default_rng(0)
    with open(folder / "ratings.csv", "w", newline="") as target:
        rows = csv.writer(target)
        rows.writerow(["reference", "degraded", "condition", "rating"])
        for number in range(3):
            reference = random.normal(0, 0.1, 40000) * np.linspace(0.1, 1, 40000)
            soundfile.write(folder / f"r{number}.wav", reference, 16000)
            for level in range(8):
                name = f"d{number}_{level}.wav"
                soundfile.write(folder / name, reference + 0.01 * level * random.normal(0, 1, 40000), 16000)
                rating = 100 - 10 * level + random.normal()
                rows.writerow([f"r{number}.wav", name, f"kind {level % 2}", rating])
        rows.writerow(["r0.wav", "d0_1.wav", "", ""])
        rows.writerow(["r0.wav", "d0_1.wav", "", "much"])
    return folder


def test_the_whole_way_from_ratings_to_json_table_and_picture(run_script, tmp_path, rated):
    fitted = run_script("fit_nlpd", f"--data={rated}", "-o", tmp_path / "nlpd.json")
    assert fitted.status == 0, fitted.stderr
    assert "wrote" in fitted.stdout and "27 of 27 clips" in fitted.stdout
    assert "too small" not in fitted.stdout
    deep = run_script("fit_nlpd", f"--data={rated}", "-o", tmp_path / "deep.json", "--scales=12")
    assert deep.status == 0 and "Scale 9, 10, 11, 12: the images are too small" in deep.stdout

    options = [f"--ratings={rated / 'ratings.csv'}", "--resamples=100"]
    done = run_script("correlate", *options, f"--nlpd_parameters={tmp_path / 'nlpd.json'}", "--json")
    assert done.status == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["pairs"], report["references"], report["identical_pairs"]) == (24, 3, 3)
    assert len(report["left_out"]) == 2 and "line 26: rating is empty" in report["left_out"][0]
    names = {"mse", "ssim", "ms_ssim_4", "nlpd_2016", "nlpd_2017", "nlpd_fitted"}
    assert set(report["metrics"]) == names
    for name, metric in report["metrics"].items():
        sign = 1 if "ssim" in name else -1
        for coefficient in ("spearman", "pearson", "kendall"):
            low, high = metric[coefficient]["ci95"]
            assert low <= metric[coefficient]["value"] <= high
        assert sign * metric["spearman"]["value"] > 0.9
    assert report["plot"] == "correlation.png"
    assert (tmp_path / "correlation.png").read_bytes().startswith(b"\x89PNG")

    again = run_script("correlate", *options)
    assert again.status == 0 and "wrote correlation_2.png" in again.stdout
    assert "NLPD 2016" in again.stdout and "2 skipped" in again.stdout and "Spearman" in again.stdout
    assert "3 of the pairs are a clip with itself" in again.stdout
    assert "24/24" in again.stderr

    fewer = run_script("correlate", *options, "--noidentical", "--plot=", "--json")
    assert json.loads(fewer.stdout)["pairs"] == 21 and json.loads(fewer.stdout)["plot"] is None


def test_pmqd_is_paired_by_its_list(run_script, tmp_path, rated):
    lines = [",".join(COLUMNS)]
    (tmp_path / "audio").symlink_to(rated)
    for reference in range(3):
        lines.append(f"{len(lines)},Rock,A,T{reference},original,0,5,0,r{reference}.wav")
        for level in range(1, 5):
            degraded = f"noise,{level},{5 - level},0,d{reference}_{level}.wav"
            lines.append(f"{len(lines)},Rock,A,T{reference},{degraded}")
    (tmp_path / "pmqd.csv").write_text("\n".join(lines) + "\n")
    done = run_script("correlate", f"--pmqd={tmp_path}", "--resamples=100", "--plot=p.png", "--json")
    report = json.loads(done.stdout)
    assert report["pairs"] == 12 and report["metrics"]["mse"]["spearman"]["value"] < -0.9


def test_refused_in_one_line(run_script, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "there.PNG").write_text("")
    (tmp_path / "none.csv").write_text("reference,degraded,rating\na.wav,b.wav,3\n")
    few = "only 0 usable pairs where 3 are needed; the first problem: none.csv, line 2"
    for line, status, words in [
        ("", 2, "--ratings=FILE.csv or --pmqd=FOLDER"),
        ("--ratings=a.csv --pmqd=b", 2, "either"),
        ("--ratings=", 2, "either"),
        ("--ratings=empty.csv --plot=p.jpg", 2, "must end in .png"),
        ("--ratings=.", 1, ".: is a folder; name a CSV file"),
        ("--ratings=absent.csv", 1, "absent.csv: no such file"),
        ("--ratings=empty.csv", 1, "empty.csv: has no column reference"),
        ("--ratings=none.csv", 1, few),
        ("--ratings=none.csv --nlpd_parameters=empty.csv", 1, "empty.csv: is no file of NLPD parameters"),
        ("--ratings=none.csv --plot=there.PNG", 1, "--plot=there.PNG: exists"),
        ("--ratings=none.csv --plot=/proc/x.png", 1, "--plot=/proc: cannot be written to"),
        ("--pmqd=absent", 1, "absent: no such folder"),
    ]:
        done = run_script("correlate", *line.split())
        assert done.status == status and words in done.stderr.splitlines()[-1], done
    assert not list(tmp_path.glob("*.png"))


def test_fitting_is_refused_in_one_line(run_script, tmp_path):
    (tmp_path / "there.json").write_text("")
    for line, status, words in [
        ("", 2, "--data is required"),
        ("--data=absent", 1, "absent: no such folder"),
        ("--data=. --output=there.json", 1, "--output=there.json: exists"),
        ("--data=.", 1, "holds no audio"),
    ]:
        done = run_script("fit_nlpd", *line.split())
        assert done.status == status and words in done.stderr and done.stderr.count("\n") == 1, done


@pytest.mark.parametrize("verb", ["correlate", "evaluate", "fit_nlpd", "resynthesize"])
def test_in_a_process_of_its_own(run_process, verb):
    done = run_process(verb, "--nothing")
    assert done == (2, "", f"{verb}: unknown flag --nothing (see bin/{verb} --help)\n")


@pytest.mark.slow
def test_listeners_of_coded_speech_agree_with_nlpd_more_than_with_mse(run_script, rated_folder):
    done = run_script("correlate", f"--ratings={rated_folder / 'ratings.csv'}", "--plot=", "--json")
    assert done.status == 0, done.stderr
    report = json.loads(done.stdout)
    with open(rated_folder / "ratings.csv", newline="") as source:
        assert report["pairs"] == len(list(csv.DictReader(source))) and not report["left_out"]
    metrics = report["metrics"]
    assert metrics["nlpd_2016"]["spearman"]["value"] < metrics["mse"]["spearman"]["value"] < -0.3
    assert metrics["nlpd_2016"]["spearman_gain_over_mse"]["ci95"][0] > 0
