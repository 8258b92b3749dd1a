"""The counting sender as a process that can be started, killed and asked how much it has sent."""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType
from typing import Self

from bci_app.streams.lsl import local_clock

CHANNELS = tuple(f"ch{index:02d}" for index in range(64))
SFREQ = 1000.0


class CounterProcess:
    """A running `counter_stream` of 64 channels at 1000 Hz; it sends as soon as somebody listens.

    Parameters
    ----------
    source_id : str
        Of the stream.
    seconds : float
        How long it sends.
    first : int
        Number of its first sample.
    unit : str
        Of its channels.

    Attributes
    ----------
    ready_at : float
        LSL seconds at which the stream could be found.
    """

    def __init__(self, source_id: str, seconds: float, first: int = 0, unit: str = "microvolts") -> None:
        options = {"source-id": source_id, "seconds": seconds, "first": first, "unit": unit}
        command = [sys.executable, "-m", "tests.benchmarks.counter_stream"]
        command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._printed = self._process.stdout
        self._printed.readline()
        self.ready_at = local_clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has sent all, or is dead."""
        return self._process.poll() is not None

    def sent(self) -> int:
        """How many samples it sent, once it has ended by itself."""
        self._process.wait()
        return int(self._printed.readline())

    def kill(self) -> None:
        """Kill it; nothing of it is left."""
        self._process.kill()
        self._process.wait()
        self._printed.close()
