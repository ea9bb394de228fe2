"""Clips as a dataset: exact samples, the clips' order, and no bad file that ends it."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from tests.data.pmqd_server import HEADER, serving_folder
from tfnoise.audio import REFERENCE_FLOOR_DB, FrontEnd, resample, to_mono, waveform_to_image
from tfnoise.data import Clip, clips, list_clips, natural_images
from tfnoise.errors import InputError

FRONT_END = FrontEnd(n_fft=512, hop=128, mels=32)
RNG = np.random.default_rng(0)
SOUND = RNG.uniform(-0.5, 0.5, [9000, 2]).astype(np.float32)
GOOD = {
    "flac16.flac": "PCM_16",
    "flac24.flac": "PCM_24",
    "wav16.wav": "PCM_16",
    "wav24.wav": "PCM_24",
    "wav32.wav": "PCM_32",
    "float.wav": "FLOAT",
    "wav8.wav": "PCM_U8",
    "vorbis.ogg": "VORBIS",
    "layer3.mp3": "MPEG_LAYER_III",
}
IN_GRAPH = [name for name in GOOD if name[:6] in ("flac16", "flac24", "wav16.", "wav24.")]


def written(path, samples=SOUND, rate=16000, subtype="PCM_16", **more) -> Clip:
    soundfile.write(path, samples, rate, subtype=subtype, **more)
    return Clip(path=str(path), id=Path(path).name)


def items_of(listing, front_end=FRONT_END, **more) -> list[dict]:
    items = list(natural_images(listing, front_end, **more).as_numpy_iterator())
    assert [item["index"] for item in items] == list(range(len(listing)))
    return items


def image_by_soundfile(path, front_end) -> tuple[np.ndarray, float]:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    waveform = resample(to_mono(samples), rate, front_end.sample_rate_hz)
    image, reference = waveform_to_image(waveform, front_end)
    return image.numpy()[:, : image.shape[1] // 16 * 16], float(reference)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("name", IN_GRAPH)
def test_samples_decoded_in_the_graph_are_soundfiles(tmp_path, name, channels):
    sound = RNG.uniform(-1, 1, [5002, channels])
    sound[:2] = [[1.0], [-1.0]]
    clip = written(tmp_path / name, sound, 44100, GOOD[name])
    route, rate, samples, md5 = clips._route(clip)
    assert rate == 44100 and samples == 5002
    decode = tf.function(lambda content: clips._decode(content, tf.constant(route), tf.constant(md5)))
    expected = soundfile.read(clip.path, dtype="float32", always_2d=True)[0]
    np.testing.assert_array_equal(decode(tf.io.read_file(clip.path)), expected)


def test_only_exact_formats_are_decoded_in_the_graph(tmp_path, monkeypatch):
    listing = [written(tmp_path / name, subtype=subtype) for name, subtype in GOOD.items()]
    watched = mock.Mock(side_effect=clips.read)
    monkeypatch.setattr(clips, "read", watched)
    for item, clip in zip(items_of(listing), listing):
        assert item["problem"] == b""
        image, reference = image_by_soundfile(clip.path, FRONT_END)
        # The MP3 decoder's last bit depends on where in memory it works.
        np.testing.assert_allclose(item["image"], image, atol=1e-3 if "mp3" in clip.path else 1e-5)
        assert item["reference_db"] == pytest.approx(reference, abs=1e-3)
    by_hand = sorted(Path(call.args[0]).name for call in watched.mock_calls)
    assert by_hand == sorted(set(GOOD) - set(IN_GRAPH))


def test_form_and_order(tmp_path):
    paths = [tmp_path / f"{n}.{'flac' if n % 2 else 'ogg'}" for n in range(12)]
    listing = [written(path, SOUND[: 9000 - 200 * n], 8000 + 1000 * n, None) for n, path in enumerate(paths)]
    dataset = natural_images(listing, FRONT_END)
    assert dataset.cardinality() == 12
    spec = dataset.element_spec
    assert spec["image"] == tf.TensorSpec([32, None, 1], tf.float32)
    for name, dtype in (("index", tf.int32), ("reference_db", tf.float32), ("problem", tf.string)):
        assert spec[name] == tf.TensorSpec([], dtype)
    once = list(dataset.as_numpy_iterator())
    for other in (list(dataset.as_numpy_iterator()), items_of(listing, parallel_calls=1)):
        np.testing.assert_equal(other, once)
    for item, clip in zip(once, listing):
        frames = FRONT_END.frames(round(soundfile.info(clip.path).duration * 16000)) // 16 * 16
        assert item["image"].shape == (32, frames, 1) and frames > 0
        assert item["image"].min() >= 0 and item["image"].max() <= 1


def test_frames_are_cut_to_a_multiple(tmp_path):
    clip = written(tmp_path / "ä b.flac")
    frames = FRONT_END.frames(9000)
    for multiple in (20, frames):
        assert items_of([clip], multiple=multiple)[0]["image"].shape[1] == frames // multiple * multiple
    assert b"is too short" in items_of([clip], multiple=frames + 1)[0]["problem"]
    shortest = written(tmp_path / "short.wav", SOUND[:1920])
    assert [item["image"].shape[1] for item in items_of([shortest, clip])] == [16, 64]
    assert items_of([]) == []
    with pytest.raises(ValueError, match="multiple"):
        natural_images([clip], FRONT_END, multiple=0)


def test_channels_that_cancel_are_silent_and_quiet_ones_are_not(tmp_path):
    integers = RNG.integers(-9000, 9000, 9000, dtype=np.int16)
    opposite = np.stack([integers, -integers], axis=1)
    listing = [written(tmp_path / "a.wav", opposite), written(tmp_path / "b.wav", 1e-4 * SOUND)]
    silent, quiet = items_of(listing)
    assert b"a.wav: is silent" in silent["problem"] and silent["image"].shape == (32, 0, 1)
    assert quiet["problem"] == b"" and quiet["image"].max() > 0.99


def bad_clips(folder) -> list[tuple[Clip, str]]:
    def changed(clip: Clip, offset: int, content: bytes) -> Clip:
        with open(clip.path, "r+b") as file:
            file.seek(offset)
            file.write(content)
        return clip

    def cut(clip: Clip) -> Clip:
        os.truncate(clip.path, os.path.getsize(clip.path) * 2 // 3)
        return clip

    nan = SOUND.copy()
    nan[5000, 0] = np.nan
    (folder / "text.wav").write_text("no audio")
    (folder / "empty.flac").touch()
    return [
        (Clip(path=str(folder / "absent.flac"), id="0"), "no such file"),
        (Clip(path=str(folder / "text.wav"), id="1"), "not audio"),
        (Clip(path=str(folder / "empty.flac"), id="2"), "empty file"),
        (cut(written(folder / "cut.flac")), "damaged"),
        (cut(written(folder / "cut.wav")), "cut short"),
        (cut(written(folder / "cut24.wav", subtype="PCM_24")), "cut short"),
        (changed(written(folder / "bit.flac"), 20000, b"\x55"), "damaged"),
        (changed(written(folder / "zeros.flac"), 9000, bytes(9000)), "damaged"),
        (changed(written(folder / "big.flac"), 21, b"\xff" * 5), "can hold"),
        (written(folder / "none.wav", np.zeros([0, 2])), "no samples"),
        (written(folder / "two.wav", SOUND[:2]), "too short: 2 samples at 16000 Hz give 1 frames"),
        (written(folder / "short.flac", SOUND[:1919]), "use clips of 1920 samples"),
        (written(folder / "nan.wav", nan, subtype="FLOAT"), "not finite"),
        (written(folder / "silent.flac", 0 * SOUND), "is silent and skipped"),
        (written(folder / "silent.ogg", 0 * SOUND, subtype=None), "is silent and skipped"),
    ]


def test_bad_files_are_problems_among_good_ones(tmp_path):
    listing, expected = [], []
    for number, (clip, words) in enumerate(bad_clips(tmp_path)):
        listing += [clip, written(tmp_path / f"good{number}.{'flac' if number % 2 else 'wav'}")]
        expected += [words, None]
    for item, clip, words in zip(items_of(listing), listing, expected):
        problem = item["problem"].decode()
        if words is None:
            assert problem == "" and item["image"].shape == (32, 64, 1)
        else:
            assert words in problem and problem.startswith(f"{clip.path}: ") and "\n" not in problem
            assert item["image"].shape == (32, 0, 1)
            assert item["reference_db"] == REFERENCE_FLOOR_DB


def test_a_file_that_vanishes_is_a_problem(tmp_path):
    listing = [written(tmp_path / "a.flac"), written(tmp_path / "b.wav")]
    dataset = natural_images(listing, FRONT_END)
    os.remove(listing[0].path)
    first, second = dataset.as_numpy_iterator()
    assert b"no such file" in first["problem"] and second["problem"] == b""


def test_what_the_graph_cannot_decode_falls_to_soundfile(tmp_path):
    # The data are an odd number of bytes, and no byte follows to make them even.
    clip = written(tmp_path / "a.wav", SOUND[:5001, :1], subtype="PCM_24")
    assert clips._route(clip)[0] != clips._BY_SOUNDFILE
    [item] = items_of([clip])
    assert item["problem"] == b""
    np.testing.assert_allclose(item["image"], image_by_soundfile(clip.path, FRONT_END)[0], atol=1e-5)


def test_clips_of_a_server_and_a_batch_of_equal_clips(tmp_path):
    for folder in ("set/audio", "bare"):
        (tmp_path / folder).mkdir(parents=True)
    names = ["a.flac", "b.wav", "c.ogg"]
    local = [written(tmp_path / "set" / "audio" / name, subtype=None) for name in names]
    rows = "".join(f"{n},,,,original,0,,,{name}\n" for n, name in enumerate([*names, "absent.flac"]))
    (tmp_path / "set" / "pmqd.csv").write_text(HEADER + rows)
    with serving_folder(tmp_path) as url:
        *items, absent = items_of(list_clips(f"{url}/set"))
        with pytest.raises(InputError, match="a remote folder must have this list"):
            list_clips(f"{url}/bare/")
    assert f"{url}/set/audio/absent.flac: cannot be fetched" in absent["problem"].decode()
    [batch] = natural_images(local, FRONT_END).batch(4).as_numpy_iterator()
    assert batch["image"].shape == (3, 32, 64, 1)
    np.testing.assert_array_equal(np.stack([item["image"] for item in items]), batch["image"])


def test_natural_clips(natural_folder):
    clips = list_clips(natural_folder)
    assert len(clips) == 111
    assert all(Path(clip.path).is_file() and clip.genre and clip.rating is None for clip in clips)
    listing = [clip for n, clip in enumerate(clips) if clip.path.endswith(".wav") or n % 30 == 0]
    assert len(listing) >= 8
    for item, clip in zip(items_of(listing, FrontEnd()), listing):
        image, reference = image_by_soundfile(clip.path, FrontEnd())
        assert item["problem"] == b"" and item["image"].shape == (128, 256, 1)
        np.testing.assert_allclose(item["image"], image, atol=1e-5)
        assert item["reference_db"] == pytest.approx(reference, abs=1e-4)
