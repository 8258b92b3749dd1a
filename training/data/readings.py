"""Sentences that were read, with the brain signal of each: the one form in which every loader hands on reading data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SignalError
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.reading import Reads, SentenceSpec
from bci_app.text.words import sentence_key

Floats = NDArray[np.float32]
_SHAPES: dict[Reads, str] = {
    "word-features": "(n_words, n_features)",
    "word-windows": "(n_words, n_channels, n_times)",
    "waves": "(n_channels, n_times)",
}


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One sentence read once by one subject.

    Parameters
    ----------
    sentence : str
        The text that was shown.
    signal : float32 array
        Word features (n_words, n_features), word windows (n_words, n_channels, n_times), or waves (n_channels, n_times), the
        last two preprocessed, microvolts.
    subject, task : str
        Who read it, and in which task (ZuCo: ``SR``, ``NR``, ``TSR``; version 2 counts as other tasks: ``NR-2``).
    words : tuple of str
        The words that the rows of `signal` belong to, in the order they were looked at; none for waves of unknown words.
    """

    sentence: str
    signal: Floats
    subject: str
    task: str = "reading"
    words: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What makes this sentence the same as another; see `sentence_key`."""
        return sentence_key(self.sentence)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Readings of one kind.

    Parameters
    ----------
    items : tuple of Reading
        In the order of the recordings.
    reads : {"word-features", "word-windows", "waves"}
        What their signals are.
    rows : tuple of str
        What a step of the signal holds: channel names, or names of features such as ``"GD_t1/Cz"``.
    preprocessing : PreprocessingSpec or None
        What was done to the signal, and will be live; None for features computed elsewhere.
    spec : SentenceSpec
        How sentences are marked and cut; of features, only how many words may be in one.
    name, licence : str
        What the user calls the data, and its licence.
    notes : tuple of str
        What the user should know: sentences left out and why.

    Raises
    ------
    SignalError
        If a signal has another shape than the others, has no step, or holds NaN or infinity.
    """

    items: tuple[Reading, ...]
    reads: Reads
    rows: tuple[str, ...]
    preprocessing: PreprocessingSpec | None = None
    spec: SentenceSpec = field(default_factory=SentenceSpec)
    name: str = "readings"
    licence: str = "not recorded"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wanted = None
        for reading in self.items:
            fixed = _fixed(reading.signal, self.reads)
            wanted = fixed if wanted is None else wanted
            if fixed is None or fixed != wanted or len(self.rows) != fixed[0] or reading.signal.size == 0:
                raise SignalError(
                    f"A reading in '{self.name}' must hold {_SHAPES[self.reads]} with {len(self.rows)} rows, like the "
                    f"others; '{reading.sentence[:40]}' of {reading.subject} has {reading.signal.shape}."
                )
            if not np.isfinite(reading.signal).all():
                raise SignalError(
                    f"A reading in '{self.name}' must hold finite numbers; '{reading.sentence[:40]}' of {reading.subject} "
                    "holds NaN or infinity. Leave it out."
                )

    def __len__(self) -> int:
        return len(self.items)

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """The chosen readings, by number or by mask."""
        return replace(self, items=tuple(self.items[number] for number in np.arange(len(self))[chosen]))

    @property
    def n_steps(self) -> tuple[int, ...]:
        """Steps of each signal: words, or samples of waves. It is what a model could tell of a sentence without any EEG."""
        return tuple(reading.signal.shape[-1 if self.reads == "waves" else 0] for reading in self.items)

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of each reading's sentence."""
        return tuple(reading.key for reading in self.items)


def distinct_sentences(readings: Iterable[Reading]) -> tuple[str, ...]:
    """The sentences, each once (as it was first shown), in their order."""
    first: dict[str, str] = {}
    for reading in readings:
        first.setdefault(reading.key, reading.sentence)
    return tuple(first.values())


def _fixed(signal: Floats, reads: Reads) -> tuple[int, ...] | None:
    """The part of a signal's shape that all must share, rows first; None if it has the wrong number of axes."""
    n_axes = {"word-features": 2, "word-windows": 3, "waves": 2}[reads]
    if signal.ndim != n_axes:
        return None
    return signal.shape[:1] if reads == "waves" else signal.shape[1:]
