"""A sender of EEG in this process, in real time: noise that can be spoilt, fall silent, die and come back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Self
from uuid import uuid4

import numpy as np

from bci_app.streams.lsl import local_clock
from bci_app.streams.lsl_outlet import LslOutlet
from bci_app.streams.markers import MarkerOutlet

CHUNK_S = 0.02

Spoil = Callable[[np.ndarray, float], np.ndarray]


class Sender:
    """Sends noise from a thread of its own; the first channel counts the samples, and each marker is due in a period.

    Parameters
    ----------
    channels, sfreq, name, unit, type
        Of the stream; its source_id is made up.
    marker_every_s : float, optional
        Send the marker "flash" so often, on a stream named like the EEG's with " markers" behind.
    spoil : callable, optional
        Takes a chunk (n_channels, n_times) and the seconds since the start; gives what is sent instead.
    """

    def __init__(
        self,
        channels: Sequence[str],
        sfreq: float = 100.0,
        name: str | None = None,
        unit: str = "microvolts",
        marker_every_s: float | None = None,
        spoil: Spoil = lambda data, at_s: data,
        type: str = "EEG",
    ) -> None:
        self.name = name or f"sender {uuid4().hex[:8]}"
        self.source_id = f"sender-{uuid4().hex}"
        self.channels, self.sfreq, self.unit, self.type = tuple(channels), sfreq, unit, type
        self.sent: list[np.ndarray] = []
        self._every_s, self._spoil = marker_every_s, spoil
        self._rng = np.random.default_rng(0)
        self._n = 0
        self._stop, self._silent = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._outlet: LslOutlet | None = self._new_outlet()
        self._markers = None if marker_every_s is None else MarkerOutlet(f"{self.name} markers", f"{self.source_id}-m")
        self._thread = threading.Thread(target=self._run, name="sender")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.die()
        if self._markers is not None:
            self._markers.close()

    @property
    def seconds(self) -> float:
        """Of signal made so far, sent or not."""
        return self._n / self.sfreq

    @property
    def has_listeners(self) -> bool:
        """Whether somebody reads the EEG."""
        return self._outlet is not None and self._outlet.has_consumers

    def silence(self, silent: bool) -> None:
        """Stop or go on sending; time goes on either way."""
        (self._silent.set if silent else self._silent.clear)()

    def die(self) -> None:
        """Take the EEG stream off the network."""
        with self._lock:
            if self._outlet is not None:
                self._outlet.close()
            self._outlet = None

    def revive(self) -> None:
        """Bring it back under the same source_id."""
        with self._lock:
            self._outlet = self._new_outlet()

    def _new_outlet(self) -> LslOutlet:
        return LslOutlet(self.name, self.channels, self.sfreq, self.source_id, unit=self.unit, type=self.type)

    def _run(self) -> None:
        start, size = local_clock(), max(round(CHUNK_S * self.sfreq), 1)
        next_marker = self._every_s or np.inf
        while not self._stop.wait(max(start + (self._n + size) / self.sfreq - local_clock(), 0.0)):
            data = 20 * self._rng.standard_normal((len(self.channels), size), dtype=np.float32)
            data[0] = np.arange(self._n, self._n + size) % 4096
            self._n += size
            if self.seconds > next_marker and self._markers is not None:
                self._markers.push("flash", start + next_marker)
                next_marker += self._every_s or np.inf
            data = self._spoil(data, self.seconds)
            with self._lock:
                if self._outlet is not None and not self._silent.is_set():
                    self._outlet.push(data, start + (self._n - 1) / self.sfreq)
                    self.sent.append(data)
