"""Where a sentence that is read begins and ends in the signal: by markers, and the same live as offline.

A sentence lies between two markers. What a model reads of it is either one window per word, each cut by `MarkerTrials`
at the marker of its word, or the whole stretch between the two. Nothing is ever cut across a gap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bci_app.contract.errors import SettingsError
from bci_app.contract.signal import Marker, Samples
from bci_app.contract.windowing import AHEAD_S, MarkerTrials, SampleStore, TrialSpec, reach_s, samples_per_window

Reads = Literal["word-windows", "waves", "word-features"]
"""What a model takes of a sentence: a window of EEG per word, the whole stretch of EEG, or a row of features per word
that were computed elsewhere (such as the band amplitudes published with ZuCo), which no live stream carries."""


class SentenceSpec(BaseModel):
    """How sentences are marked, and what is cut out of them.

    Attributes
    ----------
    start, stop : str
        What the labels of the markers at both ends of a sentence begin with; what follows a slash says what was shown.
    word : str
        What the label of a word's marker begins with; the word itself may follow.
    word_cut : TrialSpec or None
        The window round each word's marker; None to take the whole sentence from `start` to `stop`.
    max_words : int
        Words the model can read at most.
    max_s : float
        Seconds that a sentence may last at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    start: str = Field(default="sentence/start", min_length=1)
    stop: str = Field(default="sentence/stop", min_length=1)
    word: str = Field(default="word/", min_length=1)
    word_cut: TrialSpec | None = TrialSpec(start_s=0.0, stop_s=0.5)
    max_words: int = Field(default=56, ge=1, le=1000)
    max_s: float = Field(default=60.0, gt=0, le=600)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        labels = (self.start, self.stop, self.word)
        if any(one is not other and one.startswith(other) for one in labels for other in labels):
            raise SettingsError(
                f"The labels of sentences and words must be told apart by their beginnings; got {labels}."
            )
        return self

    @property
    def reads(self) -> Reads:
        """What is cut: ``"word-windows"`` or ``"waves"``."""
        return "waves" if self.word_cut is None else "word-windows"

    @property
    def reach_s(self) -> float:
        """Seconds of signal that must be held to cut the longest sentence."""
        return self.max_s + (0.0 if self.word_cut is None else reach_s(self.word_cut))

    def start_label(self, sentence: str) -> str:
        """The marker of a sentence's beginning, which tells all of it."""
        return f"{self.start}/{sentence}"

    def word_label(self, word: str) -> str:
        """The marker of a word."""
        return f"{self.word}{word}"


@dataclass(frozen=True, slots=True, eq=False)
class SentenceTrial:
    """One sentence as it was read.

    Attributes
    ----------
    data : float32 array (n_words, n_channels, n_times) or (n_channels, n_times)
        Microvolts: a window per word, or the whole stretch.
    words : tuple of Marker
        The markers of its words, in order; their labels are what `SentenceSpec.word` left over.
    start, stop : Marker
        The markers at both ends.
    arrived_s : float
        LSL seconds at which the last sample of the last window was in hand; NaN offline.
    sampled_s : float
        Time of that sample.
    """

    data: Samples
    words: tuple[Marker, ...]
    start: Marker
    stop: Marker
    arrived_s: float = math.nan
    sampled_s: float = math.nan

    @property
    def text(self) -> str:
        """The sentence shown, as far as the markers tell it: what follows the start if it is more than one word (one may be a
        number), since not every word may have been looked at; else the words; else whatever follows the start."""
        words = " ".join(filter(None, (word.label for word in self.words)))
        return self.start.label if " " in self.start.label or not words else words


class SentenceTrials:
    """Cuts each sentence as soon as its last sample is there.

    Parameters
    ----------
    spec : SentenceSpec
        How sentences are marked.
    sfreq : float
        Rate of the preprocessed signal in Hz.
    decimation : int
        One in how many raw samples it keeps, see `MarkerTrials`.
    ahead_s : float
        A marker this far ahead of the newest sample is not waited for.

    Attributes
    ----------
    dropped : list of (Marker, str)
        Start markers of sentences that were not cut, each with the reason.
    """

    def __init__(self, spec: SentenceSpec, sfreq: float, decimation: int = 1, ahead_s: float = AHEAD_S) -> None:
        if spec.word_cut is not None and samples_per_window(spec.word_cut, sfreq) < 1:
            raise SettingsError(f"The window of a word holds no sample at {sfreq:g} Hz; got {spec.word_cut}.")
        self.spec = spec
        self.dropped: list[tuple[Marker, str]] = []
        self._sfreq, self._decimation, self._ahead_s = sfreq, decimation, ahead_s
        self._open: list[Marker] = []
        self._waiting: list[_Waiting] = []

    @property
    def pending(self) -> tuple[Marker, ...]:
        """Start markers of sentences that are not cut yet."""
        return (*(each.start for each in self._waiting), *self._open[:1])

    def add(self, marker: Marker) -> None:
        """Await what `marker` belongs to; markers come in the order of their times, others than its own are passed over."""
        spec, label = self.spec, marker.label
        if label.startswith(spec.start):
            self._give_up("another sentence started before it stopped")
            self._open = [marker]
        elif label.startswith(spec.word) and self._open:
            self._open.append(marker)
        elif label.startswith(spec.stop) and self._open:
            sentence, self._open = self._open, []
            self._close(sentence[0], sentence[1:], marker)

    def due(self, store: SampleStore) -> list[SentenceTrial]:
        """Sentences complete by now, in their order."""
        trials: list[SentenceTrial] = []
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            outcome = each.cut(store)
            if outcome is None:
                self._waiting.append(each)
            elif isinstance(outcome, str):
                self.dropped.append((each.start, outcome))
            else:
                trials.append(outcome)
        return trials

    def drop_pending(self, reason: str) -> None:
        """Give up on all sentences still waiting, noting `reason`."""
        self.dropped.extend((each.start, reason) for each in self._waiting)
        self._waiting.clear()
        self._give_up(reason)

    def _give_up(self, reason: str) -> None:
        if self._open:
            self.dropped.append((self._open[0], reason))
            self._open = []

    def _close(self, start: Marker, words: list[Marker], stop: Marker) -> None:
        spec, lasts_s = self.spec, stop.time - start.time
        # a difference of two raw samples lies on a multiple of 1 / decimation: rounded half-way between two of those
        n_times = math.floor(lasts_s * self._sfreq + 0.5 / self._decimation)
        if not 0 < lasts_s <= spec.max_s or n_times < 1:
            reason = f"it lasts {lasts_s:.3g} s; a sentence lasts up to {spec.max_s:g} s"
        elif spec.word_cut is not None and not words:
            reason = "no word was marked in it"
        elif spec.word_cut is not None and len(words) > spec.max_words:
            reason = f"it has {len(words)} words; the model reads up to {spec.max_words}"
        else:
            cut = spec.word_cut or TrialSpec(start_s=0.0, stop_s=n_times / self._sfreq)
            cutter = MarkerTrials(cut, self._sfreq, self._decimation, self._ahead_s)
            self._waiting.append(_Waiting(spec, start, tuple(words), stop, cutter))
            return
        self.dropped.append((start, reason))


class _Waiting:
    """A sentence whose markers are all there; its samples may not be."""

    def __init__(
        self, spec: SentenceSpec, start: Marker, words: tuple[Marker, ...], stop: Marker, cutter: MarkerTrials
    ) -> None:
        self.start = start
        self._spec, self._words, self._stop, self._cutter = spec, words, stop, cutter
        self._windows: list[Samples] = []
        self._arrived_s = self._sampled_s = math.nan
        for marker in words if spec.word_cut is not None else (start,):
            cutter.add(marker)

    def cut(self, store: SampleStore) -> SentenceTrial | str | None:
        """The sentence; or why there is none; or None while samples are still to come."""
        for trial in self._cutter.due(store):
            self._windows.append(trial.window.data)
            self._arrived_s, self._sampled_s = trial.window.arrived_s, float(trial.window.times[-1])
        if self._cutter.dropped:
            marker, reason = self._cutter.dropped[0]
            return reason if self._spec.word_cut is None else f"its word at {marker.time:.3f} s: {reason}"
        if self._cutter.pending:
            return None
        data = self._windows[0] if self._spec.word_cut is None else np.stack(self._windows)
        return SentenceTrial(
            data,
            tuple(_named(marker, self._spec.word) for marker in self._words),
            _named(self.start, self._spec.start),
            _named(self._stop, self._spec.stop),
            self._arrived_s,
            self._sampled_s,
        )


def _named(marker: Marker, prefix: str) -> Marker:
    """The marker with what its label says beyond the prefix."""
    return Marker(marker.time, marker.label.removeprefix(prefix).lstrip("/"))
