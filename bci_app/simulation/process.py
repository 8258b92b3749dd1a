"""Starting and stopping the simulated participant's process from the program."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import bci_app
from bci_app.contract.errors import StreamError
from bci_app.simulation.settings import ParticipantSettings

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 4.0
SHOWN_OF_LOG = 2000


class ParticipantProcess:
    """A running simulated participant; leaving the ``with`` block ends it.

    Parameters
    ----------
    settings : ParticipantSettings
        What it is like.
    env : mapping of str to str or None
        Environment variables added to those of this process, for example what `private_lsl` returned.
    timeout_s : float
        How long it may take until it streams; the first start on a machine computes the lead field.

    Raises
    ------
    StreamError
        On entering, if it ends or is not ready in time; the message shows what it printed.
    """

    def __init__(
        self,
        settings: ParticipantSettings,
        env: Mapping[str, str] | None = None,
        timeout_s: float = READY_TIMEOUT_S,
    ) -> None:
        self.settings = settings
        self._env = dict(env or {})
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[str] | None = None
        self._log: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has printed to standard error so far."""
        return "" if self._log is None else self._log.read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start it and wait until it streams."""
        handle, name = tempfile.mkstemp(prefix="bci-app-participant-", suffix=".log")
        self._log = Path(name)
        with os.fdopen(handle, "w") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bci_app.simulation", "--settings", self.settings.model_dump_json()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=self._environment(),
            )
        ready = threading.Event()
        reader = threading.Thread(target=self._await_ready, args=(self._process, ready), daemon=True)
        reader.start()
        deadline = time.monotonic() + self._timeout_s
        while self.alive and time.monotonic() < deadline and not ready.wait(0.05):
            pass
        if not ready.is_set():
            status = self._process.poll()
            how = f"ended with status {status}" if status is not None else f"was not ready in {self._timeout_s:g} s"
            printed = self.log[-SHOWN_OF_LOG:].strip() or "nothing"
            self.stop()
            raise StreamError(f"The simulated participant {how}. It printed: {printed}")

    def stop(self) -> None:
        """End it: by closing its input, then by signal; takes seconds at most and may be repeated."""
        process = self._process
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(OSError):  # it may be gone already
                process.stdin.close()
            ends: tuple[Callable[[], None] | None, ...] = (None, process.terminate, process.kill)
            for end in ends:
                if end is not None:
                    end()
                try:
                    process.wait(timeout=STOP_TIMEOUT_S)
                    break
                except subprocess.TimeoutExpired:
                    continue
            process.stdout.close()
            self._process = None
        if self._log is not None:
            self._log.unlink(missing_ok=True)
            self._log = None

    @staticmethod
    def _await_ready(process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stdout is not None
        if process.stdout.readline().strip() == "ready":
            ready.set()

    def _environment(self) -> dict[str, str]:
        """The child imports the same package, installed or not."""
        root = str(Path(bci_app.__file__).resolve().parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        threads = {"OMP_NUM_THREADS": "1"}  # its matrices are small; the cores belong to the decoder
        return {**os.environ, **threads, "PYTHONPATH": os.pathsep.join(paths), **self._env}
