"""A replay in a thread of this process, where nothing depends on its process: starting one costs a second each time."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self
from uuid import uuid4

from bci_app.streams.recordings import read_recording
from bci_app.streams.replay import FASTEST, Pace, play


class PlayerThread:
    """Plays as `ReplayProcess` does, and is asked the same."""

    failure = ""

    def __init__(
        self, path: Path, *, name: str = "Replay", source_id: str | None = None, pace: Pace, **options: Any
    ) -> None:
        self.source_id = source_id or f"replay-{uuid4().hex}"
        self.speed = pace.speed or FASTEST
        self.marker_description = SimpleNamespace(name=f"{name}-markers")
        self._stop = threading.Event()
        recording = read_recording(path, **options)
        arguments = (recording, name, self.source_id, pace, self._stop)
        self._thread = threading.Thread(target=play, args=arguments, name="player")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether it still plays."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End it; may be called twice."""
        self._stop.set()
        self._thread.join()
