"""Clips that sound like plucked strings, drums and voices, synthesised: to hear and code without a download.

Sources: plucked strings, Karplus and Strong, "Digital Synthesis of Plucked-String and Drum Timbres", Computer
Music Journal 7(2), 1983; voices, the source-filter model of Klatt, "Software for a cascade/parallel formant
synthesizer", JASA 67(3), 1980, with the formants of Peterson and Barney, JASA 24(2), 1952.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
from scipy.signal import fftconvolve, lfilter

# First three formants in Hz of vowels spoken by men.
_FORMANTS_HZ = {
    "i": (270, 2290, 3010),
    "e": (530, 1840, 2480),
    "a": (730, 1090, 2440),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
}
_UPPER_FORMANTS_HZ = (3500.0, 4700.0)
_FORMANT_WIDTHS_HZ = (70.0, 100.0, 150.0)
# Chords as semitones above their root, which is so many above a low A (110 Hz).
_MAJOR, _MINOR, _SEVENTH = (0, 4, 7, 12), (0, 3, 7, 12), (0, 4, 7, 10)
_PEAK = 0.8


def synthetic_clips(
    sample_rate_hz: int = 16000, duration_s: float = 4.1, seed: int = 0
) -> list[tuple[str, str, np.ndarray]]:
    """Fourteen synthesised clips: five of plucked strings, four of drums, five of voices.

    >>> [name for name, genre, waveform in synthetic_clips(4000, 0.5) if genre == "drums"]
    ['drums_rock', 'drums_fast', 'drums_toms', 'drums_sparse']

    Args:
      sample_rate_hz: samples per second, 4000 or more.
      duration_s: the length of each clip in seconds, 0.5 or more.
      seed: decides every random choice; the same seed gives the same samples.

    Returns:
      Per clip its name, its genre ("plucked", "drums" or "voice"), and its waveform, float32 `[samples]` with
      a peak of 0.8.

    Raises:
      ValueError: when the sample rate or the duration is too small.
    """
    if sample_rate_hz < 4000:
        raise ValueError(f"sample_rate_hz must be 4000 or more, not {sample_rate_hz}")
    if duration_s < 0.5:
        raise ValueError(f"duration_s must be 0.5 or more, not {duration_s}")
    samples = round(sample_rate_hz * duration_s)
    clips = []
    for index, (name, make) in enumerate(_RECIPES.items()):
        rng = np.random.default_rng([seed, index])
        waveform = _in_room(make(samples, sample_rate_hz, rng), sample_rate_hz, rng)
        waveform *= _PEAK / np.max(np.abs(waveform))
        clips.append((name, name.split("_")[0], waveform.astype(np.float32)))
    return clips


def _in_room(dry: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """The sound in a small room: half a second of reverberation, and the quiet noise of any recording."""
    samples = int(0.5 * rate)
    tail = rng.standard_normal(samples) * 10.0 ** (-3.0 * np.arange(samples) / samples)
    # Air and walls swallow high frequencies first.
    tail = lfilter([1.0], [1.0, -0.5], tail)
    tail[: rate // 100] = 0.0
    wet = fftconvolve(dry, tail / np.sqrt(np.sum(tail**2)))[: len(dry)]
    hiss = lfilter([1.0], [1.0, -0.7], rng.standard_normal(len(dry)))
    return dry + 0.12 * wet + 2e-4 * np.max(np.abs(dry)) * hiss


def _add(waveform: np.ndarray, start: int, sound: np.ndarray) -> None:
    room = waveform[start : start + len(sound)]
    room += sound[: len(room)]


def _pluck(hz: float, seconds: float, rate: int, rng: np.random.Generator, brightness: float) -> np.ndarray:
    """A plucked string: a burst of noise round a delay line that loses its high partials first."""
    samples = int(seconds * rate)
    # The loop's own filter delays by one sample and a fraction, which tunes the note.
    period = rate / hz - 1.0
    delay = int(period)
    fraction = period - delay
    smooth = np.array([1 - brightness, 2 * brightness, 1 - brightness]) / 2
    loss = 10.0 ** (-3.0 / (hz * 2.5))
    loop = loss * np.convolve([1 - fraction, fraction], smooth)
    burst = np.zeros(samples)
    burst[:delay] = rng.uniform(-1, 1, delay)
    # A string plucked a fifth along its length lacks every fifth partial.
    position = max(1, delay // 5)
    burst[position : position + delay] -= burst[:delay].copy()
    feedback = np.concatenate([[1.0], np.zeros(delay - 1), -loop])
    sound = lfilter([1.0], feedback, burst)
    release = min(samples, rate // 50)
    sound[samples - release :] *= np.linspace(1, 0, release)
    return sound


def _chords(
    chords: tuple[tuple[float, tuple[int, ...]], ...],
    beat_s: float,
    strum_s: float,
    brightness: float,
    arpeggio: bool,
) -> Callable[[int, int, np.random.Generator], np.ndarray]:
    def make(samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
        waveform = np.zeros(samples)
        beat = 0
        while beat * beat_s * rate < samples:
            root, notes = chords[(beat // 4 if arpeggio else beat) % len(chords)]
            played = [notes[beat % len(notes)]] if arpeggio else notes
            for order, note in enumerate(played):
                start = int((beat * beat_s + order * strum_s + rng.uniform(0, 0.008)) * rate)
                hz = 110.0 * 2.0 ** ((root + note) / 12)
                sound = _pluck(hz, 3 * beat_s, rate, rng, brightness)
                _add(waveform, start, sound * rng.uniform(0.7, 1.0))
            beat += 1
        return waveform

    return make


def _decay(seconds: float, half_s: float, rate: int) -> np.ndarray:
    return 0.5 ** (np.arange(int(seconds * rate)) / rate / half_s)


def _kick(rate: int, rng: np.random.Generator) -> np.ndarray:
    time_s = np.arange(int(0.35 * rate)) / rate
    hz = 48 + 130 * np.exp(-time_s / 0.03)
    thump = np.sin(2 * np.pi * np.cumsum(hz) / rate) * _decay(0.35, 0.07, rate)
    click = _decay(0.01, 0.001, rate)
    _add(thump, 0, 0.4 * rng.standard_normal(len(click)) * click)
    return thump


def _snare(rate: int, rng: np.random.Generator) -> np.ndarray:
    envelope = _decay(0.25, 0.035, rate)
    time_s = np.arange(len(envelope)) / rate
    noise = lfilter([1, -0.7], [1.0], rng.standard_normal(len(envelope)))
    shell = np.sin(2 * np.pi * 185 * time_s) + 0.6 * np.sin(2 * np.pi * 330 * time_s)
    return 0.35 * noise * envelope + 0.5 * shell * _decay(0.25, 0.025, rate)


def _hat(rate: int, rng: np.random.Generator, half_s: float = 0.012) -> np.ndarray:
    envelope = _decay(8 * half_s, half_s, rate)
    noise = lfilter([1, -2, 1], [1.0, 0.6], rng.standard_normal(len(envelope)))
    return 0.12 * noise * envelope


def _tom(hz: float, rate: int) -> np.ndarray:
    envelope = _decay(0.5, 0.09, rate)
    time_s = np.arange(len(envelope)) / rate
    phase = 2 * np.pi * np.cumsum(hz * (1 + 0.5 * np.exp(-time_s / 0.05))) / rate
    return 0.8 * envelope * (np.sin(phase) + 0.3 * np.sin(1.59 * phase))


def _drums(pattern: dict[str, str], step_s: float) -> Callable[[int, int, np.random.Generator], np.ndarray]:
    """A bar of steps, over and over; every instrument's line has x for a stroke and o for a quiet one."""

    def make(samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
        strokes: dict[str, Callable[[], np.ndarray]] = {
            "kick": lambda: _kick(rate, rng),
            "snare": lambda: _snare(rate, rng),
            "hat": lambda: _hat(rate, rng),
            "open": lambda: _hat(rate, rng, 0.06),
            "high": lambda: _tom(165, rate),
            "low": lambda: _tom(98, rate),
        }
        waveform = np.zeros(samples)
        for step in range(int(samples / rate / step_s) + 1):
            for name, line in pattern.items():
                stroke = line[step % len(line)]
                if stroke != ".":
                    loud = (1.0 if stroke == "x" else 0.4) * rng.uniform(0.85, 1.0)
                    start = int((step * step_s + rng.uniform(0, 0.004)) * rate)
                    _add(waveform, start, loud * strokes[name]())
        return waveform

    return make


def _voice(
    vowels: str, glide_hz: tuple[float, ...], tract: float, syllable_s: float, breath: float
) -> Callable[[int, int, np.random.Generator], np.ndarray]:
    """Syllables of a vowel each: pulses of the glottis and breath through resonators.

    The pitch glides through glide_hz over the clip, with a vibrato of 5 Hz; `tract` scales the formants (1 is
    a man, 1.17 a woman, 1.3 a child).
    """

    def make(samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
        time_s = np.arange(samples) / rate
        pitch = np.interp(time_s, np.linspace(0, time_s[-1], len(glide_hz)), glide_hz)
        pitch = pitch * (1 + 0.012 * np.sin(2 * np.pi * 5 * time_s)) * (1 + 0.004 * rng.standard_normal())
        phase = np.cumsum(pitch) / rate
        # Air flows for 60 % of a cycle and stops abruptly: that edge is what excites the formants.
        open_part = np.minimum(phase % 1.0 / 0.6, 1.0)
        flow = 6.75 * open_part**2 * (1 - open_part)
        source = np.diff(flow, prepend=0.0) * rate / np.mean(pitch) / 10
        source += breath * flow * rng.standard_normal(samples) + 0.1 * breath * rng.standard_normal(samples)

        block = max(1, rate // 200)
        syllable = time_s / syllable_s
        formants_hz = _formant_tracks(vowels, syllable[::block], tract)
        sound = source
        for track, width in zip(formants_hz.T, _FORMANT_WIDTHS_HZ):
            sound = _resonate(sound, track, width, block, rate)
        for hz in _UPPER_FORMANTS_HZ:
            sound = _resonate(sound, np.full(len(formants_hz), hz * tract), 300.0, block, rate)
        within = syllable % 1.0
        # Each syllable swells and dies away, the gap between two is what speech has between stressed vowels.
        envelope = np.clip(within / 0.12, 0, 1) * np.clip((0.88 - within) / 0.25, 0, 1)
        loud = rng.uniform(0.6, 1.0, int(syllable[-1]) + 1)[syllable.astype(int)]
        sound = lfilter([1, -0.9], [1.0], sound * envelope * loud)
        # A hiss like "s" before every other syllable.
        hiss = np.clip((within - 0.8) / 0.1, 0, 1) * (syllable.astype(int) % 2)
        noise = lfilter([1, -1.6, 0.7], [1.0], rng.standard_normal(samples))
        return sound + 0.02 * np.max(np.abs(sound)) * hiss * noise

    return make


def _formant_tracks(vowels: str, syllable: np.ndarray, tract: float) -> np.ndarray:
    """Formants in Hz `[blocks, 3]`, held within a syllable and sliding to the next one's at its end."""
    targets = np.array([_FORMANTS_HZ[vowel] for vowel in vowels]) * tract
    index = syllable.astype(int)
    here, following = targets[index % len(vowels)], targets[(index + 1) % len(vowels)]
    slide = np.clip((syllable - index - 0.6) / 0.4, 0, 1)[:, None]
    return here + slide * (following - here)


def _resonate(sound: np.ndarray, track_hz: np.ndarray, width_hz: float, block: int, rate: int) -> np.ndarray:
    """A two-pole resonance whose frequency moves from block to block; its gain at 0 Hz is 1."""
    out = np.empty_like(sound)
    state = np.zeros(2)
    radius = np.exp(-np.pi * width_hz / rate)
    for start, hz in zip(range(0, len(sound), block), track_hz):
        hz = min(hz, 0.45 * rate)
        feedback = np.array([1.0, -2 * radius * np.cos(2 * np.pi * hz / rate), radius**2])
        part = slice(start, start + block)
        out[part], state = lfilter([feedback.sum()], feedback, sound[part], zi=state)
    return out


_RECIPES: dict[str, Callable[[int, int, np.random.Generator], np.ndarray]] = {
    "plucked_strum": _chords(((3, _MAJOR), (0, _MINOR), (-4, _MAJOR), (-2, _SEVENTH)), 0.8, 0.03, 0.5, False),
    "plucked_slow": _chords(((0, _MINOR), (5, _MINOR)), 1.6, 0.09, 0.6, False),
    "plucked_arpeggio": _chords(((12, _MAJOR), (9, _MINOR)), 0.25, 0.0, 0.55, True),
    "plucked_bright": _chords(((7, _SEVENTH), (12, _MAJOR)), 0.4, 0.012, 0.85, False),
    "plucked_bass": _chords(((-17, (0, 0, 7, 12)), (-12, (0, 0, 7, 10))), 0.3, 0.0, 0.55, True),
    "drums_rock": _drums({"kick": "x...x.x.", "snare": "..x...x.", "hat": "xoxoxoxo"}, 0.24),
    "drums_fast": _drums(
        {"kick": "x..x..x.", "snare": "....x..o", "hat": "xxxxxxxx", "open": "......x."}, 0.13
    ),
    "drums_toms": _drums({"low": "x..x....", "high": ".x..x.xo", "kick": "x......."}, 0.2),
    "drums_sparse": _drums({"kick": "x.......", "snare": "....x...", "open": "..o...o."}, 0.3),
    "voice_low": _voice("aeiou", (110, 130, 95), 1.0, 0.55, 0.05),
    "voice_high": _voice("aoeai", (210, 260, 230, 190), 1.17, 0.4, 0.06),
    "voice_child": _voice("iaiou", (300, 360, 280), 1.3, 0.35, 0.06),
    "voice_sung": _voice("aaoo", (196, 220, 247, 262, 247), 1.1, 1.3, 0.03),
    "voice_breathy": _voice("uaeo", (120, 105, 125), 1.05, 0.6, 0.35),
}
