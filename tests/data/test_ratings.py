"""Rated pairs from a CSV file and from PMQD's list: what is paired, and what is skipped by name."""

from __future__ import annotations

import pytest

from tfnoise.data.clip_list import COLUMNS
from tfnoise.data.ratings import pmqd_pairs, read_ratings
from tfnoise.errors import InputError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "audio").mkdir()
    for name in ("a.wav", "b.wav", "audio/c.wav", "audio/d e.wav"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def write(folder, text: str):
    path = folder / "ratings.csv"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    return str(path)


def test_pairs_in_order_with_files_beside_the_list_or_in_its_audio_folder(folder):
    path = write(
        folder, "reference,degraded,condition,rating\na.wav,c.wav,codec,55.5\nb.wav,d e.wav,, 1e1 \n"
    )
    pairs, problems = read_ratings(path)
    assert not problems and pairs[1].degraded == str(folder / "audio" / "d e.wav")
    assert [(pair.rating, pair.condition) for pair in pairs] == [(55.5, "codec"), (10, None)]
    # The column may be called rating_mean or be chosen.
    path = write(folder, "reference,degraded,rating_mean,mos\na.wav,b.wav,1,2\n")
    assert read_ratings(path)[0][0].rating == 1 and read_ratings(path, "mos")[0][0].rating == 2


def test_rows_that_cannot_be_used_are_named_with_line_and_reason(folder):
    rows = {
        "a.wav,b.wav,": "is empty",
        "a.wav,b.wav,good": "'good' is not",
        "a.wav,b.wav,nan": "'nan' is not",
        "a.wav,b.wav,inf": "'inf' is not",
        "a.wav,gone.wav,3": "gone.wav in",
        "../a.wav,b.wav,3": "inside",
        "/etc/passwd,b.wav,3": "inside",
        ",b.wav,3": "inside",
        "a.wav": "is empty",
    }
    path = write(folder, "\n".join(["reference,degraded,rating", *rows, "a.wav,b.wav,4\n"]))
    pairs, problems = read_ratings(path)
    assert [pair.rating for pair in pairs] == [4] and len(problems) == len(rows)
    for line, (problem, reason) in enumerate(zip(problems, rows.values()), 2):
        assert f"ratings.csv, line {line}: " in problem and reason in problem


def test_lists_without_their_columns_or_that_cannot_be_read_are_refused(folder):
    with pytest.raises(InputError, match="no such file"):
        read_ratings(str(folder / "ratings.csv"))
    for text, words in (
        ("", "no column reference, degraded, rating or rating_mean .it has none."),
        ("reference,rating\n", "no column degraded"),
        ("reference,degraded,score\n", "no column rating or rating_mean"),
        ("\udcff\udcfe\0\1", "is not UTF-8"),
        ('reference,degraded,rating\n"' + "x" * 200_000, "not a readable CSV"),
    ):
        with pytest.raises(InputError, match=words):
            read_ratings(write(folder, text))


def test_pmqd_pairs_by_artist_title_and_start(tmp_path):
    def row(number, title, kind, rating, start=0):
        return f"{number},Rock,Someone,{title},{kind},50,{rating},{start},{number}.wav"

    rows = [
        row(0, "One", "original", 5),
        row(1, "One", "original", 4, start=7),
        row(2, "One", "noise", 2, start=7),
        row(3, "One", "limiter", 3),
        row(4, "One", "lowpass", ""),
        row(5, "One", "lowpass", "bad"),
        row(6, "Two", "noise", 1),
    ]
    (tmp_path / "pmqd.csv").write_text(",".join(COLUMNS) + "\n" + "\n".join(rows) + "\n")
    pairs, problems = pmqd_pairs(str(tmp_path))
    names = [(pair.reference[-5:], pair.degraded[-5:], pair.rating, pair.condition) for pair in pairs]
    assert names == [("1.wav", "2.wav", 2, "noise"), ("0.wav", "3.wav", 3, "limiter")]
    reasons = ["clip 4 is empty", "'bad' is not a number", "clip 6 has no original"]
    assert len(problems) == 3 and all(reason in problem for problem, reason in zip(problems, reasons))
