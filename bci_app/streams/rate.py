"""Whether a stream sends at the rate that it declares: everything after it counts samples to tell time."""

from __future__ import annotations

from collections import deque

import numpy as np

from bci_app.contract.errors import RateError
from bci_app.contract.signal import Chunk

_TOLERANCE = 0.02
_PIECES = 5
_STRETCHES = (_PIECES, 2 * _PIECES)
"""Nominal seconds without a gap after which the rate is judged.

The first is left out where stamps are unsteady, the last goes on, second by second.
"""
_GAPS_S = 4.0
_MIN_GAPS = 11
"""So many gaps, over so many seconds at least, are judged together."""
_FEW = 3


class RateWatch:
    """Compares the time stamps of a stream with its nominal rate.

    Two signs of a wrong rate are known. A stretch without a gap is too short or too long by more than 2 %
    (and by more than the stream's unsteadiness), and so is each fifth of it, in the same direction: a
    sender that stalls and catches up, or begins with a burst, is wrong in one fifth only. Or the samples
    come in pieces of one size, a second at most, with a gap after each: so it looks when LSL stamps the
    samples within a push at the nominal rate, and less are pushed than that. Samples that get lost leave
    pieces of many sizes, and larger ones than three.

    Parameters
    ----------
    sfreq : float
        Nominal rate in Hz.
    what : str
        Whose rate it is, for the message, such as ``"stream 'Muse'"``.
    """

    def __init__(self, sfreq: float, what: str) -> None:
        self._sfreq, self._what = sfreq, what
        self._stride = max(round(sfreq), 1)
        self._marks: deque[float] = deque(maxlen=_STRETCHES[-1] + 1)  # stamps of every `_stride`th sample
        self._n_times = 0  # since the last gap
        self._gaps: list[tuple[int, float]] = []  # samples that came before each, and the stamp after it

    def add(self, chunk: Chunk, slack_s: float) -> None:
        """Look at the next chunk; `slack_s` is how unsteady the time stamps are, in seconds.

        Raises
        ------
        RateError
            If the stream sends at another rate than it declares.
        """
        if chunk.n_times == 0:
            return
        if chunk.gap_before:
            self._marks.clear()
            self._n_times = 0
            self._judge_gaps(chunk)
        for stamp in chunk.times[-self._n_times % self._stride :: self._stride]:
            self._marks.append(float(stamp))
            self._judge_stretch(slack_s)
        self._n_times += chunk.n_times

    def _judge_stretch(self, slack_s: float) -> None:
        n_strides = len(self._marks) - 1
        each = n_strides // _PIECES
        nominal_s = each * self._stride / self._sfreq
        if n_strides not in _STRETCHES or (n_strides < _STRETCHES[-1] and slack_s > _TOLERANCE * nominal_s * _PIECES):
            return
        excess = np.diff(np.array(self._marks)[::each]) - nominal_s
        allowed = 0.5 * _TOLERANCE * nominal_s
        one_way = (excess > allowed).all() or (excess < -allowed).all()
        if one_way and abs(excess.sum()) > _PIECES * _TOLERANCE * nominal_s + slack_s:
            self._refuse(n_strides * self._stride, self._marks[-1] - self._marks[0])

    def _judge_gaps(self, chunk: Chunk) -> None:
        """Judge gaps together as soon as there are enough, then begin anew."""
        self._gaps.append((chunk.first_sample, float(chunk.times[0])))
        if len(self._gaps) < _MIN_GAPS:
            return
        counts, stamps = (np.array(column) for column in zip(*self._gaps, strict=True))
        lasted_s = float(stamps[-1] - stamps[0])
        if 0 <= lasted_s < _GAPS_S:
            return
        self._gaps = self._gaps[-1:]
        sizes = np.diff(counts)
        n_times = int(sizes.sum())
        alike = np.ptp(sizes) <= max(1, 0.1 * sizes.mean()) and sizes.mean() <= self._stride
        regular = alike or sizes.mean() <= _FEW
        if regular and n_times < (1 - _TOLERANCE) * lasted_s * self._sfreq:
            self._refuse(n_times, lasted_s)

    def _refuse(self, n_times: int, lasted_s: float) -> None:
        self._marks.clear()
        self._n_times = 0
        raise RateError(
            f"The samples of {self._what} must come at the {self._sfreq:g} Hz that it declares; its time stamps show "
            f"about {n_times / max(lasted_s, 1e-9):.3g} Hz over {lasted_s:.1f} s. Correct the rate at the sender, or "
            "mend the link on which samples get lost, then start again."
        )
