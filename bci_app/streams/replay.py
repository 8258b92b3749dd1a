"""A recording as a live LSL stream, played by a process of its own.

``python -m bci_app.streams.replay FILE --name NAME --source-id ID`` plays; `ReplayProcess` starts that and
stops it.

MNE-LSL's PlayerLSL is not used: it stamps each annotation one sample early, cannot wait for a listener
before the first sample, and knows neither random chunks nor any speed but 1.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import AmbiguousStreamError, BciError, NoStreamError, SettingsError, StreamError
from bci_app.contract.signal import Marker, Recording, Samples
from bci_app.streams.lsl import Lookout, local_clock
from bci_app.streams.lsl_outlet import LslOutlet
from bci_app.streams.markers import MAX_LABEL, MarkerOutlet
from bci_app.streams.recordings import read_recording
from bci_app.streams.source import SENT_UNITS, STREAM_TYPES, StreamDescription, nothing_found, several_found

logger = logging.getLogger(__name__)

_MAX_RANDOM_CHUNK = 64
_MAX_CHUNK_S = 0.25  # volumes of a scanner come one by one
FASTEST = 50.0  # receivers here hold 60 s of signal: they may be late by a second
_LINGER_S = 1.0
_MARKER_GRACE_S = 2.0
_LEAD_S = 0.05


def marker_stream_id(source_id: str) -> str:
    """The source_id of the marker stream that goes with an EEG stream of `source_id`."""
    return f"{source_id}-markers"


@dataclass(frozen=True, slots=True)
class Pace:
    """How a recording is played.

    Parameters
    ----------
    speed : float
        Recorded seconds per second; 0 is as fast as nothing gets lost: LSL has no way to say "wait", and
        drops what a receiver has not pulled in time.
    chunk : int or "random"
        Samples per push, but no more than a quarter of a second of them where that is one at least; random is 1 to 64.
    seed : int
        Of the random chunks.
    wait_s : float
        How long to wait for a listener before the first sample; 0 does not wait.

    Raises
    ------
    SettingsError
        If a number is out of its range.
    """

    speed: float = 1.0
    chunk: int | Literal["random"] = 16
    seed: int = 0
    wait_s: float = 30.0

    def __post_init__(self) -> None:
        if not (0 <= self.speed <= FASTEST and self.wait_s >= 0 and (self.chunk == "random" or self.chunk >= 1)):
            raise SettingsError(
                f"A replay needs a speed of 0 to {FASTEST:g}, chunks of at least one sample and a wait of 0 s or more; "
                f"got speed {self.speed}, chunk {self.chunk}, wait {self.wait_s} s."
            )


@dataclass(frozen=True, slots=True)
class Push:
    """Samples to be sent together: `data` (n_channels, n_times), and the place of the last in sample periods."""

    data: Samples
    last_tick: int


def ticks(recording: Recording) -> NDArray[np.int64]:
    """When each sample is due, in whole sample periods after the first: 0, 1, 2, ... with the recording's gaps."""
    period = 1.0 / recording.sfreq
    steps = np.diff(recording.times)
    missing = np.where(np.abs(steps - period) > 1.5 * period, np.maximum(np.round(steps / period), 1), 1)
    return np.concatenate(([0], np.cumsum(missing))).astype(np.int64)


def pushes(recording: Recording, pace: Pace) -> Iterator[Push]:
    """The recording cut as `pace` says, and at its gaps."""
    rng = np.random.default_rng(pace.seed)
    due = ticks(recording)
    most = max(int(_MAX_CHUNK_S * recording.sfreq), 1)
    sizes: Iterator[int] | int
    if pace.chunk == "random":
        sizes = iter(lambda: int(rng.integers(1, min(_MAX_RANDOM_CHUNK, most) + 1)), 0)
    else:
        sizes = min(pace.chunk, most)
    for chunk in recording.chunks(sizes):
        yield Push(chunk.data, int(due[chunk.first_sample + chunk.n_times - 1]))


def marker_offsets(recording: Recording) -> list[tuple[float, Marker]]:
    """Each marker with its time in seconds after the first sample, on the even grid of `ticks`; in order."""
    places = np.interp([marker.time for marker in recording.markers], recording.times, ticks(recording))
    return sorted(zip(places / recording.sfreq, recording.markers, strict=True), key=lambda each: each[0])


def play(recording: Recording, name: str, source_id: str, pace: Pace, stop: threading.Event) -> int:
    """Play `recording` to its end, or until `stop` is set.

    Sample number n is stamped exactly t0 + n / sfreq, where t0 is the moment of the start, and markers lie
    on the same line; at another speed than 1 the stamps therefore run ahead of, or behind, the clock. Gaps
    of the recording are played as gaps. The markers due in a chunk are sent just before it. After the last
    sample the streams stay for a second, so that the receiver can take what is under way.

    Returns
    -------
    int
        Samples sent.

    Raises
    ------
    NoStreamError
        If nobody listened within the time given.
    """
    markers, speed = marker_offsets(recording), pace.speed or FASTEST
    with (
        LslOutlet(
            name,
            recording.channels,
            recording.sfreq,
            source_id,
            unit=SENT_UNITS[recording.unit],
            type=STREAM_TYPES[recording.unit],
        ) as signals,
        MarkerOutlet(f"{name}-markers", marker_stream_id(source_id)) as labels,
    ):
        if pace.wait_s:
            _await_listeners(signals, labels if markers else None, pace.wait_s, stop)
        t0, sent = local_clock() + _LEAD_S, 0
        for push in pushes(recording, pace):
            last_s = push.last_tick / recording.sfreq
            if stop.wait(max(t0 + last_s / speed - local_clock(), 0.0)):
                return sent
            while markers and markers[0][0] <= last_s:
                offset, marker = markers.pop(0)
                labels.push(_sendable(marker.label), t0 + offset)
            signals.push(push.data, t0 + last_s)
            sent += push.data.shape[1]
        stop.wait(_LINGER_S)
    return sent


def _await_listeners(signals: LslOutlet, labels: MarkerOutlet | None, wait_s: float, stop: threading.Event) -> None:
    """Until somebody reads the signal; whoever reads the markers gets two seconds more."""
    deadline = time.monotonic() + wait_s
    while not signals.wait_for_consumers(0.2):
        if stop.is_set():
            return
        if time.monotonic() >= deadline:
            raise NoStreamError(
                f"Somebody was expected to listen to stream '{signals.description.name}'; nobody did within "
                f"{wait_s:g} s. Start the receiver, or let the replay begin without one."
            )
    if labels is not None:
        labels.wait_for_consumers(_MARKER_GRACE_S)


def _sendable(label: str) -> str:
    """A recorded label as it may travel: printable and not too long."""
    return "".join(letter if letter.isprintable() else " " for letter in label)[:MAX_LABEL]


class ReplayProcess:
    """Plays a recording in a child process; a context manager that leaves nothing behind.

    The child ends with the recording, with `close`, and with this process, however that ends.

    Parameters
    ----------
    path : Path
        The recording.
    name : str
        Of the EEG stream; that of the markers ends in "-markers".
    source_id : str or None
        Of the EEG stream, see `marker_stream_id` for that of the markers; None makes a new one.
    pace : Pace
        How it is played.
    stream, unit, partial : str or None, str or None, bool
        As for `read_recording`.
    start_s : float
        How long the start may take.

    Raises
    ------
    BciError
        If the recording cannot be read or the stream does not appear; `StreamError` with the child's own
        words.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str = "Replay",
        source_id: str | None = None,
        pace: Pace | None = None,
        stream: str | None = None,
        unit: str | None = None,
        partial: bool = False,
        start_s: float = 30.0,
    ) -> None:
        self.source_id = source_id or f"replay-{uuid4().hex}"
        self._pace = pace or Pace()
        self._failed: str | None = None
        self._words = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        command = _command(path, name, self.source_id, self._pace, stream, unit)
        command += ["--partial"] if partial else []
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._words)
        try:
            self.description, self.marker_description = self._find(start_s)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether it still plays."""
        return self._process.poll() is None

    @property
    def speed(self) -> float:
        """Recorded seconds per second, as it plays; a pace of 0 is `FASTEST`."""
        return self._pace.speed or FASTEST

    @property
    def failure(self) -> str:
        """Why it ended before the recording did; empty while it plays, after the end, and if `close` ended it."""
        if self._failed is not None:
            return self._failed
        status = self._process.poll()
        if not status:
            return ""
        return self._said() or (
            f"The replay ended with status {status} before the recording did: something stopped or killed it. "
            "Start it again."
        )

    def wait(self, timeout_s: float) -> None:
        """Until the recording has been played.

        Raises
        ------
        StreamError
            If it has not ended in time, or ended with an error.
        """
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise StreamError(f"The replay was to end within {timeout_s:g} s; it still plays.") from error
        if status:
            raise StreamError(self.failure)

    def kill(self) -> None:
        """End the child at once, without any farewell: what a crash of the sender looks like."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the child if it still plays; may be called twice."""
        self._failed = self.failure
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self.kill()
        self._words.close()

    def _find(self, start_s: float) -> tuple[StreamDescription, StreamDescription]:
        """The EEG stream and its markers, as soon as both answer."""
        wanted = (self.source_id, marker_stream_id(self.source_id))
        lookout, deadline = Lookout(), time.monotonic() + start_s
        while True:
            there = lookout.look()
            eeg, markers = ([each for each in there if each.source_id == wished] for wished in wanted)
            if eeg and markers:
                if len(eeg) > 1:
                    raise AmbiguousStreamError(several_found({"source_id": self.source_id}, eeg))
                return eeg[0], markers[0]
            if not self.running:
                raise StreamError(self._said() or "The replay ended before its stream appeared. Start it again.")
            if time.monotonic() >= deadline:
                raise NoStreamError(nothing_found({"source_id": self.source_id}, there, start_s))

    def _said(self) -> str:
        """The last words of the child."""
        if self._words.closed:
            return ""
        self._words.seek(0)
        return self._words.read()[-4000:].strip()


def _command(path: Path, name: str, source_id: str, pace: Pace, stream: str | None, unit: str | None) -> list[str]:
    options = {
        "name": name, "source-id": source_id, "speed": pace.speed, "chunk": pace.chunk, "seed": pace.seed,
        "wait": pace.wait_s, "stream": stream, "unit": unit,
    }  # fmt: skip
    given = [f"--{key}={value}" for key, value in options.items() if value is not None]
    return [sys.executable, "-m", "bci_app.streams.replay", str(path.resolve()), "--with-parent", *given]


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bci_app.streams.replay", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--name", default="Replay")
    parser.add_argument("--source-id", default=f"replay-{uuid4().hex}")
    parser.add_argument("--speed", type=float, default=1.0, help=f"1 as recorded, 0 fastest ({FASTEST:g})")
    parser.add_argument("--chunk", type=lambda text: text if text == "random" else int(text), default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wait", type=float, nargs="?", const=30.0, default=0.0, help="s for a listener")
    parser.add_argument("--stream", help="XDF: name or id of the EEG stream")
    parser.add_argument("--unit", help="XDF: unit of channels that the file gives none for")
    parser.add_argument("--partial", action="store_true", help="XDF: take a file that was cut for what it holds")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    return parser.parse_args(arguments)


def _stop_at_end_of_input(stop: threading.Event) -> None:
    while os.read(0, 1024):  # not sys.stdin: its lock would hang the end of the interpreter
        pass
    stop.set()


def main(arguments: Sequence[str] | None = None) -> int:
    """Play one recording as the arguments say; 0 after its end, 1 after an error that is printed."""
    given = _arguments(arguments)
    stop = threading.Event()
    if given.with_parent:
        threading.Thread(target=_stop_at_end_of_input, args=(stop,), name="parent-watch", daemon=True).start()
    try:
        pace = Pace(given.speed, given.chunk, given.seed, given.wait)
        recording = read_recording(given.file, stream=given.stream, unit=given.unit, partial=given.partial)
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        signal.signal(signal.SIGINT, lambda *_: stop.set())
        play(recording, given.name, given.source_id, pace, stop)
    except BciError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Exception as error:
        logger.debug("The replay of %s failed", given.file, exc_info=True)  # a traceback is no last word for a user
        what = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(f"The replay of '{given.file.name}' failed: {what}. Try an intact copy of the file.\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
