"""What the signals of the simulated reader tell of the words read: bits per word, of an ideal observer and of linear readers.

The ideal observer knows everything about the features but the word (`bits_per_word`, exact but for the draws). The linear
readers know nothing: ridge regression from a word's signal to its vector, fitted to four fifths of the sentences; a reading is
then taken as a linear map of the vector with Gaussian noise, both from left-out readings of these sentences, and gives by
Bayes' rule, from how often words are read, a probability of each word of the grammar. Bits are the mean over words of the
other sentences of log2 p(word | signal) / p(word): a lower bound of what the signal tells (Barber & Agakov, NIPS 2003), and
below 0 for who is sure and wrong. Intervals resample sentences. Of waves, readers get means of the window round the word's
marker, of what stays in step with it; logarithms of the amplitudes of eight bands, of what does not; and both.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from bci_app.calibration.penalised import fit_penalised
from bci_app.simulation.reading import BAND_HZ
from bci_app.simulation.semantics import Semantics
from bci_app.simulation.sentences import word_prior
from bci_app.simulation.settings import ReadingSettings
from bci_app.simulation.word_features import Bits, bits_per_word, entropy_per_word
from bci_app.text.words import sentence_key
from tests.benchmarks.results import Row, publish
from training.data.readings import Readings
from training.data.simulated_readings import SimulatedReadingsSettings, simulated_readings

INFORMATION = (0.0, 0.5, 1.0, 2.0)
N_SENTENCES, N_FOLDS, N_DRAWS, BIN = 400, 5, 2000, 4
PENALTIES = tuple(10.0 ** np.arange(0, 7))
LEAST_BITS = 3.0
"""Of the ideal observer, and of the best linear reader of waves, where `information` is 1."""
Doubles = NDArray[np.float64]


class Found:
    """Bits of each word, and whether the most likely one was right, by sentence."""

    def __init__(self, bits: Doubles, right: NDArray[np.bool_], sentence: NDArray[np.intp]) -> None:
        self.bits, self.low, self.high = interval(bits, sentence)
        self.right, self.right_low, self.right_high = interval(right.astype(np.float64), sentence)

    def __str__(self) -> str:
        bits = f"{self.bits:.2f} bits ({self.low:.2f} to {self.high:.2f})"
        return f"{bits}, right {self.right:.1%} ({self.right_low:.1%} to {self.right_high:.1%})"


def interval(scores: Doubles, sentence: NDArray[np.intp]) -> tuple[float, float, float]:
    """Mean over words with its 95 % interval, sentences resampled."""
    sums, counts = np.bincount(sentence, scores), np.bincount(sentence)
    draws = np.random.default_rng(0).integers(0, len(sums), (N_DRAWS, len(sums)))
    low, high = np.quantile(sums[draws].sum(axis=1) / counts[draws].sum(axis=1), [0.025, 0.975])
    return float(sums.sum() / counts.sum()), float(low), float(high)


class Words:
    """The words of all readings, one after another."""

    def __init__(self, readings: Readings, reading: ReadingSettings) -> None:
        self.names, self.prior = word_prior(reading.tasks)
        row = {word: number for number, word in enumerate(self.names)}
        self.read = np.array([row[sentence_key(word)] for each in readings.items for word in each.words])
        self.sentence = np.repeat(np.arange(len(readings)), readings.n_steps)
        self.vectors = Semantics(reading.dim, reading.semantics_seed).of(self.names)


def linear(signal: Doubles, words: Words, deal: bool = False) -> Found:
    """A linear reader of `signal` (n_words, n_features), each sentence by one fitted to others; dealt: of other words."""
    bits, right = np.empty(len(signal)), np.empty(len(signal), bool)
    for fold in range(N_FOLDS):
        test = words.sentence % N_FOLDS == fold
        scores = _log_posterior(signal[~test], words.vectors[words.read[~test]], signal[test], words)
        shown = words.read[test]
        if deal:
            shown = np.random.default_rng(fold).permutation(shown)
        bits[test] = (scores[np.arange(len(scores)), shown] - np.log(words.prior[shown])) / np.log(2)
        right[test] = scores.argmax(axis=1) == shown
    return Found(bits, right, words.sentence)


def _log_posterior(train: Doubles, wanted: Doubles, test: Doubles, words: Words) -> Doubles:
    """Log probability (n, n_words of the grammar) of each word given each row of `test`."""
    mean, spread = train.mean(axis=0), train.std(axis=0)
    fitted = fit_penalised((train - mean) / spread, wanted, PENALTIES)
    design = np.column_stack([wanted, np.ones(len(wanted))])
    turn = np.linalg.lstsq(design, fitted.left_out, rcond=None)[0]
    rest = fitted.left_out - design @ turn
    white = np.linalg.pinv(np.linalg.cholesky(rest.T @ rest / len(rest) + 1e-9 * np.eye(rest.shape[1]))).T
    seen = fitted.predict((test - mean) / spread) @ white
    centres = np.column_stack([words.vectors, np.ones(len(words.vectors))]) @ turn @ white
    return np.asarray(log_softmax(seen @ centres.T - 0.5 * (centres**2).sum(axis=1) + np.log(words.prior), axis=1))


def means(windows: Doubles) -> Doubles:
    """Means of `BIN` samples at every channel, (n, n_channels * n_bins)."""
    n = windows.shape[-1] // BIN
    return windows[..., : n * BIN].reshape(*windows.shape[:2], n, BIN).mean(axis=-1).reshape(len(windows), -1)


def amplitudes(windows: Doubles, sfreq: float) -> Doubles:
    """Logarithms of the amplitude of each band at each channel, (n, n_channels * n_bands)."""
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(windows.shape[-1]), axis=-1)) ** 2
    hz = np.fft.rfftfreq(windows.shape[-1], 1 / sfreq)
    near = np.abs(hz - BAND_HZ[:, np.newaxis]) <= np.maximum(2.0, 0.1 * BAND_HZ[:, np.newaxis])
    return 0.5 * np.log(spectrum @ near.T.astype(np.float64) + 1e-6).reshape(len(windows), -1)


def measure(information: float) -> dict[str, Bits | Found]:
    """Everything about one strength of the signal."""
    reading = ReadingSettings(information=information)
    wanted = SimulatedReadingsSettings(reading=reading, n_subjects=1, n_train=N_SENTENCES, n_test=0)
    found: dict[str, Bits | Found] = {"ideal": bits_per_word(reading, n_channels=wanted.participant.n_channels)}
    readings = simulated_readings(wanted)
    words, signal = Words(readings, reading), np.concatenate([each.signal for each in readings.items])
    found["features"] = linear(signal.astype(np.float64), words)
    if information == 1.0:
        found["features, dealt to other words"] = linear(signal.astype(np.float64), words, deal=True)
    readings = simulated_readings(wanted.model_copy(update={"reads": "word-windows"}))
    words, windows = Words(readings, reading), np.concatenate([each.signal for each in readings.items]).astype(float)
    seen = {"means": means(windows), "amplitudes": amplitudes(windows, wanted.participant.sfreq)}
    for name, values in (seen | {"means and amplitudes": np.hstack(list(seen.values()))}).items():
        found[f"word windows, {name}"] = linear(values, words)
    return found


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    began, found = time.perf_counter(), {}
    for information in INFORMATION:
        print(f"{time.perf_counter() - began:5.0f} s  information {information:g}", flush=True)
        found[information] = measure(information)
    entropy = entropy_per_word(ReadingSettings())
    often = word_prior()[1].max()
    rows = [Row("entropy of a word", f"{entropy:.2f} bits; who always names the most frequent is right {often:.1%}")]
    for information, figures in found.items():
        for name, figure in figures.items():
            rows.append(_row(information, name, figure, found[1.0]))
    details = {
        str(information): {name: each.bits for name, each in figures.items()} for information, figures in found.items()
    }
    return int(not publish("text_information", rows, {"bits": details, "entropy": entropy}))


def _row(information: float, name: str, figure: Bits | Found, by_default: dict[str, Bits | Found]) -> Row:
    if isinstance(figure, Bits):
        what, measured = "an ideal observer of features", f"{figure.bits:.2f} bits (SE {figure.standard_error:.2f})"
    else:
        what, measured = f"linear reader, {name}", str(figure)
    what = f"information {information:g}, {what}"
    if information == 0.0 or "dealt" in name:
        return Row(what, measured, "no bits", figure.bits < 0.01)
    if information == 1.0 and name in ("ideal", "word windows, means and amplitudes"):
        return Row(what, measured, f">= {LEAST_BITS:g} bits", figure.bits >= LEAST_BITS)
    if information == 1.0 and name == "features":
        return Row(what, measured, "no more than the ideal observer", figure.bits <= by_default["ideal"].bits)
    return Row(what, measured)


if __name__ == "__main__":
    sys.exit(main())
