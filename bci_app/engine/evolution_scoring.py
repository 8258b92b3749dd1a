"""The scoring thread: a trial round each onset -> a response, by the number of its presentation."""

from __future__ import annotations

import threading
from collections.abc import Callable

from bci_app.contract.signal import Marker, Trial
from bci_app.contract.windowing import MarkerTrials
from bci_app.engine.evolution_responder import Answer
from bci_app.engine.worker import Worker
from bci_app.streams.ring import Ring


class TrialScoring(Worker):
    """Cuts the trial of each presentation as soon as its last sample is there, and reads its response.

    Parameters
    ----------
    trials : MarkerTrials
        Used by this thread alone.
    ring : Ring
        Preprocessed signal.
    read : callable
        Trial -> Answer; called in this thread.
    on_answer : callable
        Takes (number, picture id, Answer) in this thread; of a trial that could not be cut, an answer that says why.
    on_failure : callable
        Takes a message that ends the session.
    """

    def __init__(
        self,
        trials: MarkerTrials,
        ring: Ring,
        read: Callable[[Trial], Answer],
        on_answer: Callable[[int, str, Answer], None],
        on_failure: Callable[[str], None],
    ) -> None:
        super().__init__("scoring", on_failure)
        self._trials = trials
        self._ring = ring
        self._read = read
        self._on_answer = on_answer
        self._lock = threading.Lock()
        self._arrivals: list[Marker] = []
        self._seen = 0

    def add(self, number: int, picture_id: str, onset_s: float) -> None:
        """Await the trial of presentation `number`, on screen since `onset_s` (LSL seconds); any thread."""
        with self._lock:
            self._arrivals.append(Marker(onset_s, f"{number} {picture_id}"))

    def step(self) -> bool:
        """Wait for new samples, then read the trials they completed; scoring thread."""
        self._ring.wait_newer(self._seen, 0.1)
        self._seen = self._ring.newest
        with self._lock:
            arrivals, self._arrivals = self._arrivals, []
        for marker in arrivals:
            self._trials.add(marker)
        for trial in self._trials.due(self._ring):
            self._tell(trial.marker, self._read(trial))
        while self._trials.dropped:
            marker, reason = self._trials.dropped.pop(0)
            self._tell(marker, Answer(None, reason))
        return True

    def _tell(self, marker: Marker, answer: Answer) -> None:
        number, picture_id = marker.label.split(" ", 1)
        self._on_answer(int(number), picture_id, answer)
