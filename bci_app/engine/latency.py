"""How long each step took, over the last results: kept as stamps, published as percentiles."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.engine.views import LatencyRow, Reconstruction

STEPS = (
    "transport age",
    "filter, ring, window",
    "decoder",
    "generator",
    "hand-over to Qt",
    "total software",
)
"""Transport age: time stamp of the newest sample to its arrival, which includes the sender's chunking. Total software:
arrival of the last sample to the picture given to Qt."""


LENGTH = 2000
"""Results that percentiles are of."""


class StepLog:
    """How long each of the named `steps` took in the last `length` results; any thread may add and read.

    Parameters
    ----------
    steps : tuple of str
        The first is the transport age.
    length : int
        Results held.
    with_age : bool
        Whether time stamps tell when samples were taken; if not, the transport age is left out of `rows`.

    Attributes
    ----------
    keep : callable
        Takes each result as it is noted, milliseconds by step; an empty one when what came before is forgotten. Whoever notes
        calls it, so it must return at once.
    """

    def __init__(self, steps: tuple[str, ...], length: int = LENGTH, with_age: bool = True) -> None:
        self._names = steps
        self._first_row = 0 if with_age else 1
        self._lock = threading.Lock()
        self._steps: deque[tuple[float, ...]] = deque(maxlen=length)
        self.keep: Callable[[Mapping[str, float | None]], None] = lambda steps_ms: None

    def note(self, seconds: tuple[float, ...]) -> None:
        """Note how long each step of a result took, in seconds; NaN for a step that it did not have."""
        with self._lock:
            self._steps.append(seconds)
        named = list(zip(self._names, seconds, strict=True))[self._first_row :]
        self.keep({name: None if math.isnan(value) else 1000 * value for name, value in named})

    def clear(self) -> None:
        """Forget all results: those to come are of something else."""
        with self._lock:
            self._steps.clear()
        self.keep({})

    def milliseconds(self) -> NDArray[np.float64]:
        """All results held (n, n_steps), in milliseconds."""
        with self._lock:
            rows = list(self._steps)
        return 1000 * np.array(rows, dtype=np.float64).reshape(-1, len(self._names))

    def rows(self) -> tuple[LatencyRow, ...]:
        """Percentiles of each step over the results that had it; empty before the first result."""
        return rows_of(self._names[self._first_row :], self.milliseconds()[:, self._first_row :])


def rows_of(steps: Sequence[str], milliseconds: NDArray[np.float64]) -> tuple[LatencyRow, ...]:
    """Percentiles of each of the named `steps` over the results (n, n_steps) that had it; NaN for one that had not."""
    named = zip(steps, milliseconds.T, strict=True)
    return tuple(_row(name, each[~np.isnan(each)]) for name, each in named if not np.isnan(each).all())


class LatencyLog(StepLog):
    """The same of windows and trials that became pictures.

    Parameters
    ----------
    length, with_age
        See `StepLog`.
    """

    def __init__(self, length: int = LENGTH, with_age: bool = True) -> None:
        super().__init__(STEPS, length, with_age)
        self.first_handed_s: float | None = None

    def add(self, result: Reconstruction, handed_s: float) -> None:
        """Note `result`, whose picture was given to Qt at `handed_s` (LSL seconds)."""
        self.note(
            (
                result.arrived_s - result.sampled_s,
                result.cut_s - result.arrived_s,
                result.decoded_s - result.cut_s,
                result.generated_s - result.decoded_s,
                handed_s - result.generated_s,
                handed_s - result.arrived_s,
            )
        )
        if self.first_handed_s is None:
            self.first_handed_s = handed_s


@dataclass(frozen=True, slots=True)
class AlgorithmicLatency:
    """How late a picture must be whatever the machine: known from the configuration, not measured.

    Attributes
    ----------
    window_ms : float
        From the marker to the last sample of its trial; of sliding windows their length, from the oldest sample read.
    filter_ms : float
        Group delay of all filters at `at_hz`.
    """

    window_ms: float
    filter_ms: float
    at_hz: float

    @property
    def total_ms(self) -> float:
        """Both together."""
        return self.window_ms + self.filter_ms


def algorithmic_latency(spec: PreprocessingSpec, cut: TrialSpec | WindowSpec) -> AlgorithmicLatency:
    """What the windows and filters of a decoder cost, at the rhythm of `spec` that users are told of."""
    window_s = cut.window_s if isinstance(cut, WindowSpec) else max(cut.stop_s + cut.latency_s, 0.0)
    return AlgorithmicLatency(1000 * window_s, 1000 * spec.delay_s(spec.told_hz), spec.told_hz)


def display_ms(refresh_hz: float) -> float:
    """From Qt to light, an estimate: half a frame of waiting and one of scanning out; what the panel adds is not known."""
    return 1500.0 / refresh_hz


def _row(step: str, values: NDArray[np.float64]) -> LatencyRow:
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    return LatencyRow(step, float(p50), float(p95), float(p99), float(values.max()), len(values))
