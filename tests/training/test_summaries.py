"""Summaries for TensorBoard, read back from the event files."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata, plugin_data_pb2
from tensorflow.core.util import event_pb2

from tfnoise.audio import FrontEnd
from tfnoise.data.noise import noise_images
from tfnoise.evaluation.plots import Panel, error_figure
from tfnoise.losses import NLPDParameters
from tfnoise.training import Summaries, TrainingSettings, compiled_model
from tfnoise.training.summaries import (
    latent_of,
    row_of_images,
    spectrogram_picture,
    subjects_of,
    symbol_entropy,
    symbols_of,
)
from tfnoise.training.tensorboard import METRICS, hyperparameters

TINY = dict(filters=8, patch_size=48, batch_size=2, epochs=2, steps_per_epoch=20, loss="mse")
SETTINGS = TrainingSettings(**TINY)
SCORES = {"mse": 0.02, "nlpd": 0.5, "ms_ssim_4": 0.75, "bpp": 0.48}
ONLY_CURVES = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=tf.constant(1e-3)))
CLIP = "natural Rock/a $.wav"


def entropy_twin(symbols: np.ndarray) -> float:
    """NumPy's twin of `symbol_entropy`."""
    bits = []
    for channel in symbols.reshape(-1, symbols.shape[-1]).T:
        counts = np.unique(channel, return_counts=True)[1]
        share = counts / counts.sum()
        bits.append(-(share * np.log2(share)).sum())
    return float(np.mean(bits))


def read(run_dir: Path) -> dict[str, dict[int, tf.compat.v1.Summary.Value]]:
    """Every value of the event files, by tag and step; none twice."""
    events: dict[str, dict] = defaultdict(dict)
    for path in sorted((run_dir / "logs").iterdir()):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = event_pb2.Event.FromString(record)
            for value in event.summary.value:
                assert event.step not in events[value.tag], (value.tag, event.step)
                events[value.tag][event.step] = value
    return dict(events)


def numbers(events: dict, tag: str) -> dict[int, float]:
    return {step: float(tf.make_ndarray(value.tensor)) for step, value in events[tag].items()}


def picture(value: tf.compat.v1.Summary.Value) -> np.ndarray:
    width, height, png, *others = tf.make_ndarray(value.tensor)
    assert not others
    pixels = tf.io.decode_png(png).numpy()
    assert pixels.shape[:2] == (int(height), int(width))
    return pixels


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Two points of a tiny training's curves, and all else once: run folder, model, logs."""
    run_dir = tmp_path_factory.mktemp("runs") / "tiny"
    model, _ = compiled_model(SETTINGS)
    logs = model.train_step(next(iter(noise_images(48, 48, 2))))
    logs = {name: float(value) for name, value in logs.items()}
    image = np.linspace(0, 1, 128 * 96, dtype=np.float32).reshape(128, 96, 1)
    with Summaries(run_dir, model, SETTINGS) as summaries:
        summaries.scalars(20, logs)
        time.sleep(0.2)
        with summaries.paused():
            time.sleep(0.5)
            with summaries.paused():
                time.sleep(0.5)
            summaries.pictures(20)
            summaries.validation(20, SCORES)
            summaries.clip(20, CLIP, image, image[::-1], -20.0)
        summaries.scalars(40, {**logs, "learning_rate": 5e-4})
        summaries.clip(40, CLIP, image, image[::-1], -20.0)
    return SimpleNamespace(events=read(run_dir), model=model, logs=logs)


def test_curves_have_the_logs_the_learning_rate_and_the_speed(written):
    events = written.events
    assert {"loss", "distortion", "bpp", "rate", "multiplier", "gradient_norm"} <= set(written.logs)
    for name, value in written.logs.items():
        assert numbers(events, f"train/{name}") == {20: pytest.approx(value), 40: pytest.approx(value)}
    assert numbers(events, "train/learning_rate") == {20: pytest.approx(1e-3), 40: pytest.approx(5e-4)}
    step_ms, images_per_s = numbers(events, "train/step_ms"), numbers(events, "train/images_per_s")
    assert list(step_ms) == list(images_per_s) == [40]
    # 200 ms of work over 20 steps; the pauses of a second and more are no part of it.
    assert 10 <= step_ms[40] < 40
    assert images_per_s[40] == pytest.approx(SETTINGS.batch_size * 1000 / step_ms[40])
    for name, value in SCORES.items():
        assert numbers(events, f"validation/{name}") == {20: pytest.approx(value)}


def test_curves_alone_need_no_computation_of_the_model_and_are_in_the_file_before_the_next_step(tmp_path):
    with Summaries(tmp_path, ONLY_CURVES, SETTINGS) as summaries:
        summaries.scalars(1, {"loss": 1.0})
        assert numbers(read(tmp_path), "train/loss") == {1: 1.0}
        summaries.validation(1, SCORES)
    assert numbers(read(tmp_path), "train/loss") == {1: 1.0}


@pytest.mark.parametrize("channels", [1, 5])
def test_the_entropy_of_symbols_is_that_of_its_numpy_twin(channels):
    rng = np.random.default_rng(channels)
    symbols = rng.normal(0, rng.uniform(0.1, 4, channels), (3, 4, 5, channels)).round().astype(np.int32)
    assert float(symbol_entropy(symbols)) == pytest.approx(entropy_twin(symbols), abs=1e-5)


def test_entropy_is_a_mean_over_channels_of_any_range():
    uniform, constant = np.arange(16) * 100_000_000, np.full(16, -7)
    assert float(symbol_entropy(uniform[:, None])) == pytest.approx(4)
    assert float(symbol_entropy(constant[:, None])) == 0
    assert float(symbol_entropy(np.stack([uniform, constant], axis=-1))) == pytest.approx(2)


def test_symbols_are_integers_at_step_1_or_indices_of_levels(written):
    latent = tf.constant([[-2.6, -0.4, 0.6, 9.2]])
    assert symbols_of(written.model, latent).numpy().tolist() == [[-3, 0, 1, 9]]
    levels, _ = compiled_model(TrainingSettings(**TINY, bottleneck="levels", levels=4))
    assert symbols_of(levels, latent).numpy().tolist() == [[0, 1, 2, 3]]


def test_histograms_hold_every_value_of_latent_and_symbols_and_the_entropy_is_theirs(written):
    noise, sound = subjects_of(SETTINGS)
    assert noise.images.shape == (29, 48, 48, 1)  # the fewest whose 9 symbols a channel each make 256
    for subject in (noise, sound):
        latent = latent_of(written.model, subject.images)
        symbols = symbols_of(written.model, latent).numpy()
        [of_latent] = written.events[f"latent/{subject.name}"].values()
        buckets = tf.make_ndarray(of_latent.tensor)
        assert buckets[:, 2].sum() == symbols.size
        assert buckets[0, 0] == pytest.approx(float(tf.reduce_min(latent)))
        [of_symbols] = written.events[f"symbols/{subject.name}"].values()
        counts = np.bincount((symbols - symbols.min()).ravel())
        assert tf.make_ndarray(of_symbols.tensor)[:, 2].tolist() == counts.tolist()
        entropy = numbers(written.events, f"symbols/entropy_bits/{subject.name}")
        assert entropy == {20: pytest.approx(entropy_twin(symbols), abs=1e-5)}


def test_noise_is_a_row_of_images_with_low_frequencies_at_the_bottom(written):
    [noise] = written.events["original, reconstruction, error/noise"].values()
    shown, original = picture(noise), subjects_of(SETTINGS)[0].images[0].numpy()
    assert shown.shape == (48, 3 * 48 + 4, 1)
    np.testing.assert_allclose(shown[::-1, :48] / 255, original, atol=1 / 255)
    assert (shown[:, 48:50] == 255).all() and (shown[:, 98:100] == 255).all()
    image, reconstruction = np.full((4, 3, 1), 0.2, np.float32), np.full((4, 3, 1), 0.7, np.float32)
    np.testing.assert_allclose(row_of_images(image, reconstruction)[0, -3:], 0.5)


def test_sounds_have_a_picture_and_the_original_is_written_once(written):
    names = [CLIP, subjects_of(SETTINGS)[1].name]
    for name in names:
        pixels = picture(written.events[f"original, reconstruction, error/{name}"][20])
        assert pixels.shape == (460, 1390, 3)
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100
    audio = {
        tag: list(steps)
        for tag, steps in written.events.items()
        if any(value.metadata.plugin_data.plugin_name == "audio" for value in steps.values())
    }
    assert audio == {
        f"{CLIP}/front end alone": [20],
        f"{CLIP}/reconstruction": [20, 40],
        f"{names[1]}/front end alone": [20],
        f"{names[1]}/reconstruction": [20],
    }


def test_the_picture_has_axes_in_seconds_and_hertz_and_the_error_a_scale_of_its_own():
    front_end = FrontEnd()
    original, reconstruction = np.full((128, 64, 1), 0.5), np.full((128, 64, 1), 0.625)
    figure = error_figure(Panel(original, front_end, "a"), Panel(reconstruction, front_end, "b"), "$")
    panels, bars = figure.axes[:3], figure.axes[3:]
    assert [axis.get_title(loc="left") for axis in panels] == ["a", "b", "error"]
    assert [axis.get_xlabel() for axis in panels] == ["time [s]"] * 3
    assert "[Hz]" in panels[0].get_ylabel()
    shown = [axis.images[0] for axis in panels]
    assert [image.get_clim() for image in shown] == [(-80, 0), (-80, 0), (-40, 40)]
    assert [float(image.get_array().mean()) for image in shown] == [-40, -30, 10]
    assert all(image.get_extent()[1] == 64 * 256 / 16000 for image in shown)
    assert len(bars) == 2 and all("[dB]" in bar.get_ylabel() for bar in bars)
    assert spectrogram_picture(original, reconstruction, front_end, "音 $").dtype == np.uint8


def test_a_sample_rate_too_low_for_a_synthesised_sound_leaves_the_noise():
    front_end = FrontEnd(sample_rate_hz=2000, n_fft=256, hop=64, mels=48)
    [noise] = subjects_of(TrainingSettings(**TINY, front_end=front_end))
    assert noise.reference_db is None


def test_the_flags_are_a_text_and_the_hyperparameters_of_a_row(written):
    [text] = written.events["flags"].values()
    markdown = tf.make_ndarray(text.tensor).item().decode()
    for name, value in SETTINGS.to_dict().items():
        assert f"| {name} | {json.dumps(value)} |" in markdown

    start = hparams_data(written.events, metadata.SESSION_START_INFO_TAG).session_start_info
    row = {}
    for name, value in start.hparams.items():
        kind = value.WhichOneof("kind")
        assert kind in ("bool_value", "number_value", "string_value")
        row[name] = getattr(value, kind)
    flags = {name: value for name, value in SETTINGS.to_dict().items() if value is not None}
    assert row == {**flags, "nlpd_parameters": "published"}
    assert start.group_name.startswith("tiny ")

    experiment = hparams_data(written.events, metadata.EXPERIMENT_TAG).experiment
    columns = [info.name for info in experiment.hparam_infos]
    assert columns[:3] == ["loss", "bottleneck", "bpp"]
    assert sorted(columns) == sorted(SETTINGS.to_dict())
    metrics = {info.name.tag for info in experiment.metric_infos}
    assert metrics == {tag for tag, _ in METRICS} and metrics <= set(written.events)


def hparams_data(events: dict, tag: str) -> plugin_data_pb2.HParamsPluginData:
    [value] = events[tag].values()
    return plugin_data_pb2.HParamsPluginData.FromString(value.metadata.plugin_data.content)


def test_fitted_parameters_differ_by_a_digest():
    briefs = {hyperparameters(SETTINGS)["nlpd_parameters"]}
    for share in (0.1, 0.2):
        weights = np.zeros((6, 3, 3))
        weights[:, 0, 1] = share
        fitted = NLPDParameters("2016", [0.1] * 6, weights, "111 clips")
        settings = TrainingSettings(**{**TINY, "loss": "nlpd", "patch_size": 64}, nlpd_parameters=fitted)
        brief = hyperparameters(settings)["nlpd_parameters"]
        assert brief.startswith("111 clips ") and len(brief) < 30
        briefs.add(brief)
    assert len(briefs) == 3


def session(run_dir: Path, steps: list[int], value: float, resumed_at: int | None = None) -> None:
    with Summaries(run_dir, ONLY_CURVES, SETTINGS, resumed_at) as summaries:
        for step in steps:
            summaries.scalars(step, {"loss": value})
    # TensorBoard reads files in the order of their names, which begin with the second.
    time.sleep(1.0 - time.time() % 1 + 0.01)


def curve(run_dir: Path) -> list[tuple[int, float]]:
    """What TensorBoard makes of the loss."""
    events = EventAccumulator(str(run_dir / "logs"))
    events.Reload()
    points = events.Tensors("train/loss")
    return [(point.step, float(tf.make_ndarray(point.tensor_proto))) for point in points]


def test_a_resumed_run_continues_where_its_checkpoint_was(tmp_path):
    session(tmp_path, [10, 20, 30], 0.0)
    # Killed while it wrote.
    [file] = (tmp_path / "logs").iterdir()
    file.write_bytes(file.read_bytes() + b"\x99" * 5)
    session(tmp_path, [], 1.0, resumed_at=20)
    assert curve(tmp_path) == [(10, 0), (20, 0)]
    session(tmp_path, [30, 40, 50], 1.0, resumed_at=20)
    assert curve(tmp_path) == [(10, 0), (20, 0), (30, 1), (40, 1), (50, 1)]
    session(tmp_path, [50, 60], 2.0, resumed_at=40)
    assert curve(tmp_path) == [(10, 0), (20, 0), (30, 1), (40, 1), (50, 2), (60, 2)]
    tags = EventAccumulator(str(tmp_path / "logs")).Reload().Tags()["tensors"]
    assert {"flags", metadata.SESSION_START_INFO_TAG} <= set(tags)


def test_flags_are_written_once_a_run(tmp_path):
    session(tmp_path, [10], 0.0, resumed_at=0)
    session(tmp_path, [20], 0.0, resumed_at=10)
    events = read(tmp_path)
    assert list(events["flags"]) == [0] and list(events[metadata.EXPERIMENT_TAG]) == [0]
