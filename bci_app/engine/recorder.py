"""The recorder thread: raw signal first, then what was made of it, in a folder that opens after a crash.

Files only ever grow and are handed to the system ten times a second: ``eeg.f32`` (float32, one row of channels per
sample, whatever the signal is), ``eeg_times.f64`` (LSL seconds), ``eeg.json`` (channels, rate, unit), ``markers.jsonl``,
what was read: ``trials.jsonl`` or ``windows.jsonl`` with ``pictures/``, or ``sentences.jsonl``, and how long each result took:
``latencies.jsonl``.
`bci_app.streams.run_folder` reads them, cut at any byte.
"""

from __future__ import annotations

import json
import logging
import queue
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bci_app.contract.errors import RecordingError
from bci_app.contract.signal import Chunk, Marker
from bci_app.contract.units import Unit
from bci_app.engine.views import Reconstruction
from bci_app.engine.worker import Worker

logger = logging.getLogger(__name__)

_QUEUE = 20_000
_ROOM = 0.75
"""Of the queue, for what was read; the rest is the signal's."""
_WRITE_S = 0.1
_FIRST = ("raw", "markers.jsonl")
"""Pieces that are written first, and lost last."""

LATENCIES = "latencies.jsonl"
"""A line for each result; an empty one where other models took over, since percentiles begin anew."""

WINDOWS = "windows.jsonl"
"""A line for each sliding window that was read."""

Item = tuple[str, Any]


class Recorder(Worker):
    """Writes whatever is handed to it, in the order it came.

    Parameters
    ----------
    folder : Path
        Must exist; gets the files.
    channels : tuple of str
        Rows of the raw chunks.
    sfreq : float
        Nominal rate in Hz.
    unit : {"uV", "count", "au"}
        Of the raw chunks.
    as_sent : tuple of str
        Channels among them that are in no known unit, and recorded as they came.
    on_problem, on_failure : callable
        Take a message for the user.

    Raises
    ------
    RecordingError
        If the folder cannot be written.
    """

    patience_s = 30.0  # a slow disk gets half a minute

    def __init__(
        self,
        folder: Path,
        channels: tuple[str, ...],
        sfreq: float,
        on_problem: Callable[[str], None],
        on_failure: Callable[[str], None],
        unit: Unit = "uV",
        as_sent: tuple[str, ...] = (),
    ) -> None:
        super().__init__("recorder", on_failure)
        self.folder = folder
        self._on_problem = on_problem
        self._items: queue.Queue[Item] = queue.Queue(_QUEUE)
        self._told_full: set[bool] = set()
        self._n_windows = 0
        self._files: dict[str, IO[bytes]] = {}
        self._broken = False
        description = {
            "channels": channels,
            "sfreq": sfreq,
            "unit": unit,
            "as_sent": as_sent,
            "data": "eeg.f32",
            "times": "eeg_times.f64",
        }
        try:
            for name in ("eeg.f32", "eeg_times.f64"):
                (folder / name).touch()  # a folder that was killed before the first sample opens, too
            (folder / "eeg.json.part").write_text(json.dumps(description, indent=1) + "\n", "utf-8")
            (folder / "eeg.json.part").replace(folder / "eeg.json")
        except OSError as error:
            raise self._refused(error) from error

    def raw(self, chunk: Chunk) -> None:
        """Keep a raw chunk; any thread, returns at once."""
        self._put(("raw", chunk))

    def marker(self, marker: Marker) -> None:
        """Keep a marker; any thread, returns at once."""
        self._put(("markers.jsonl", {"time": marker.time, "label": marker.label}))

    def trial(self, entry: Mapping[str, Any]) -> None:
        """Keep what was read in a trial; any thread, returns at once."""
        self._put(("trials.jsonl", dict(entry)))

    def window(self, result: Reconstruction) -> None:
        """Keep what was read of a sliding window, its latent and its picture; decoding thread, returns at once."""
        entry = {
            "window": self._n_windows,
            "first_sample": result.first_sample,
            "until_s": result.sampled_s,
            "model": result.model,
            "latent_read": result.latent,
        }
        self._put((WINDOWS, entry))
        self.picture(f"window_{self._n_windows:06d}_read", result.image)
        self._n_windows += 1

    def sentence(self, entry: Mapping[str, Any]) -> None:
        """Keep what was read of a sentence; any thread, returns at once."""
        self._put(("sentences.jsonl", dict(entry)))

    def latency(self, steps_ms: Mapping[str, float | None]) -> None:
        """Keep how long the steps of a result took, in milliseconds; any thread, returns at once."""
        self._put((LATENCIES, dict(steps_ms)))

    def picture(self, name: str, image: NDArray[np.uint8]) -> None:
        """Keep a picture uint8 (h, w, 3) as PNG; any thread, returns at once."""
        self._put((f"pictures/{name}.png", image))

    @property
    def n_waiting(self) -> int:
        """Pieces not written yet; any thread."""
        return self._items.qsize()

    def step(self) -> bool:
        """Write what has come since the last time.

        Ten times a second and not with every piece: a thread that wakes with each chunk gets in the decoder's way. Recorder
        thread.
        """
        self.pause(_WRITE_S)
        try:
            self._write_waiting()
        except OSError as error:
            self._broken = True
            raise self._refused(error) from error
        return True

    def late(self, timeout_s: float) -> None:
        """Say what is lost; from the thread that stops it."""
        self._on_failure(
            f"The recording was to be written to '{self.folder}' within {self.patience_s:g} s after the end; "
            f"{self.n_waiting} pieces are still waiting and are lost. Record to a faster disk."
        )

    def close(self) -> None:
        """Write what is still waiting and close the files; recorder thread."""
        refused: OSError | None = None
        try:
            while not self._broken and self.n_waiting:
                self._write_waiting()
        except OSError as error:
            refused = error
        for file in self._files.values():
            try:
                file.close()
            except OSError as error:
                refused = error
        if refused is not None and not self._broken:
            self._on_problem(str(self._refused(refused)))

    def _refused(self, error: OSError) -> RecordingError:
        return RecordingError(
            f"The session was to be recorded to '{self.folder}'; writing failed: {error.strerror or error}. What was "
            "written so far is kept. Free space on the disk, or choose another (--folder; in the window: Kept in), and start "
            "again."
        )

    def _put(self, item: Item) -> None:
        """Keep a piece; where too many wait, what was read goes before the signal does."""
        first = item[0] in _FIRST
        try:
            if not first and self.n_waiting >= _ROOM * _QUEUE:
                raise queue.Full
            self._items.put_nowait(item)
        except queue.Full:
            if first not in self._told_full:
                self._told_full.add(first)
                lost = "samples and markers" if first else "what was read, not the signal itself"
                self._on_problem(
                    f"The disk is too slow: {self.n_waiting} pieces wait to be written to '{self.folder}', and the newest are "
                    f"being lost from the recording: {lost}. Record to a faster disk."
                )

    def _write_waiting(self) -> None:
        """The signal and its markers first, then what was made of them; handed to the system, it survives a crash."""
        waiting = [self._items.get_nowait() for _ in range(self.n_waiting)]
        for come_first in (True, False):
            for name, content in waiting:
                if (name in _FIRST) is come_first:
                    self._write(name, content)
            for file in self._files.values():
                file.flush()

    def _write(self, name: str, content: Any) -> None:
        if name == "raw":
            self._file("eeg.f32").write(np.ascontiguousarray(content.data.T).tobytes())
            self._file("eeg_times.f64").write(content.times.tobytes())
        elif name.endswith(".jsonl"):
            self._file(name).write(json.dumps(content, default=np.ndarray.tolist).encode() + b"\n")
        else:
            (self.folder / name).parent.mkdir(exist_ok=True)
            Image.fromarray(content).save(self.folder / name)

    def _file(self, name: str) -> IO[bytes]:
        if name not in self._files:
            self._files[name] = (self.folder / name).open("ab")
        return self._files[name]
