"""librosa's side of the comparison, run by the interpreter of an environment that has librosa.

It reads one JSON object a line and answers each with one: what was done, and how long the call itself took.
Arrays come and go as .npy files.
"""

import json
import sys
import time

import librosa
import numpy as np


def main():
    """Answers until its input ends."""
    arrays = {}
    answer({"librosa": librosa.__version__, "numpy": np.__version__, "fft": librosa.get_fftlib().__name__})
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "load":
            arrays[request["name"]] = np.load(request["path"])
            answer({})
            continue
        run = CALLS[request["do"]]
        array, settings = arrays[request["array"]], request["settings"]
        begin = time.perf_counter()
        for _ in range(request["repeats"]):
            if request["one_by_one"]:
                result = np.stack([run(each, **settings) for each in array])
            else:
                result = run(array, **settings)
        seconds = time.perf_counter() - begin
        if request.get("save"):
            np.save(request["save"], result)
        answer({"seconds": seconds})


def answer(value):
    """Sends one line."""
    print(json.dumps(value), flush=True)


def mel(waveform, **settings):
    """Mel-spectrograms of waveforms."""
    return librosa.feature.melspectrogram(y=waveform, pad_mode="constant", **settings)


def mel_inverse(mel_spectrogram, sr, n_fft, power):
    """Magnitudes by non-negative least squares."""
    return librosa.feature.inverse.mel_to_stft(mel_spectrogram, sr=sr, n_fft=n_fft, power=power)


def griffin_lim(magnitude, n_fft, hop_length, n_iter, length):
    """Waveforms by fast Griffin-Lim."""
    return librosa.griffinlim(
        magnitude,
        n_iter=n_iter,
        hop_length=hop_length,
        n_fft=n_fft,
        length=length,
        momentum=0.99,
        pad_mode="constant",
        random_state=0,
    )


def mel_to_audio(mel_spectrogram, sr, n_fft, hop_length, power, n_iter, length):
    """Waveforms from mel-spectrograms; its inner Griffin-Lim has momentum 0.99."""
    np.random.seed(0)
    return librosa.feature.inverse.mel_to_audio(
        mel_spectrogram,
        sr=sr,
        n_fft=n_fft,
        hop_length=hop_length,
        pad_mode="constant",
        power=power,
        n_iter=n_iter,
        length=length,
    )


CALLS = {"mel": mel, "mel_inverse": mel_inverse, "griffin_lim": griffin_lim, "mel_to_audio": mel_to_audio}

if __name__ == "__main__":
    main()
