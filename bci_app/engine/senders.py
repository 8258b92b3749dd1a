"""Streams that the program starts itself: the simulated participant and a recording that is played; each ends with `close`."""

from __future__ import annotations

import functools
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from bci_app.engine.demo import another_day
from bci_app.engine.opening import has_ended
from bci_app.engine.plan import Outlets
from bci_app.engine.settings import StreamChoice
from bci_app.simulation.process import ParticipantProcess
from bci_app.simulation.settings import ParticipantSettings
from bci_app.streams.bad_channels import read_bad_channels
from bci_app.streams.markers import MarkerOutlet, PictureOutlet
from bci_app.streams.replay import Pace, ReplayProcess

_LISTEN_S = 10.0
_PATIENCE_S = 3600.0
"""How long a replay waits for its first listener: the person looks round the window meanwhile."""
SIMULATED, REPLAY = "SIMULATED PARTICIPANT", "REPLAY"


class Sender(Protocol):
    """A stream of the program's own making.

    Attributes
    ----------
    stream : StreamChoice
        What to connect to, with its marker stream if it has one, and the channels that are known to be bad.
    watermark : str
        What every view of it says of its origin.
    code : str
        Stands for the participant where no other code was given.
    live : bool
        Whether time stamps tell when samples were taken.
    recording : Path or None
        What is played.
    """

    stream: StreamChoice
    watermark: str
    code: str
    live: bool
    recording: Path | None

    def outlets(self) -> Outlets | None:
        """Where a session that shows pictures announces them; None if nobody looks at pictures there."""

    def ended(self) -> bool:
        """Whether it has said its last; StreamError with the reason if it ended before."""

    def rewind(self, only_if_ended: bool = False) -> None:
        """Begin anew under the same name, if there is a beginning, so that a session sees the whole of it; any thread."""

    def close(self) -> None:
        """End it; may be called twice."""


class _Lent(Outlets):
    """Outlets that outlive the sessions which use them, so that the participant need not find them again each time."""

    def close(self) -> None:
        """Leave them to their owner."""


class SimulatedParticipant:
    """A simulated participant in a process of its own, on the same network as everything else.

    Parameters
    ----------
    settings : ParticipantSettings
        What it is like; its streams get names that nobody else's have.

    Raises
    ------
    StreamError
        If it does not start, or does not listen.
    """

    watermark, code = SIMULATED, "simulated"
    recording: Path | None = None
    live = True

    def __init__(self, settings: ParticipantSettings) -> None:
        own = another_day(settings)
        self.settings = own
        self._lent: _Lent | None = None
        self._process = ParticipantProcess(own)
        reads = own.reading is not None
        self.stream = StreamChoice(
            name=own.stream_name, source_id=own.source_id, timeout_s=15.0, markers=own.marker_name if reads else None
        )
        with ExitStack() as undo:
            undo.callback(self.close)
            if not reads:
                self._lent = _Lent(
                    MarkerOutlet(own.marker_name, f"{own.source_id}-markers"),
                    PictureOutlet(own.picture_name, f"{own.source_id}-pictures"),
                )
            self._process.start()
            if self._lent is not None:
                self._lent.wait_for_listeners(_LISTEN_S)
            undo.pop_all()

    def outlets(self) -> Outlets | None:
        """Where pictures are announced to it; None for one that reads sentences of its own. Any thread."""
        return self._lent

    def ended(self) -> bool:
        """Whether its process is gone; any thread."""
        return not self._process.alive

    def rewind(self, only_if_ended: bool = False) -> None:
        """Nothing: a participant lives on."""

    def close(self) -> None:
        """End its process and the streams that it listens to; owner's thread."""
        self._process.stop()
        if self._lent is not None:
            Outlets.close(self._lent)


class PlayedRecording:
    """A recording that is played as a live stream, from its beginning, as soon as somebody listens.

    Parameters
    ----------
    file : Path
        A recording, or a run folder of this program.
    speed : float
        Times real time; 0 for as fast as nothing gets lost.
    stream, unit, partial
        See `bci_app.streams.recordings.read_recording`.

    Raises
    ------
    BciError
        If it cannot be read or the stream does not appear.
    """

    watermark, code = REPLAY, "replay"

    def __init__(
        self, file: Path, speed: float = 1.0, stream: str | None = None, unit: str | None = None, partial: bool = False
    ) -> None:
        self.recording: Path | None = file
        bad = read_bad_channels(file)
        name, pace = f"Replay of {file.name}", Pace(speed=speed, wait_s=_PATIENCE_S)
        self._new = functools.partial(
            ReplayProcess, file, name=name, pace=pace, stream=stream, unit=unit, partial=partial
        )
        self._lock, self._closed = threading.Lock(), False
        self._player = self._new()
        self.live = self._player.speed == 1
        self.stream = StreamChoice(
            name=name,
            source_id=self._player.source_id,
            markers=self._player.marker_description.name,
            bad=bad,
        )

    def outlets(self) -> Outlets | None:
        """None: what was shown is in the recording."""
        return None

    def ended(self) -> bool:
        """Whether the whole of it has been played; any thread.

        Raises
        ------
        StreamError
            If the player ended before.
        """
        return has_ended(self._player)

    def rewind(self, only_if_ended: bool = False) -> None:
        """Play it from its beginning, as soon as somebody listens; any thread, one after the other."""
        with self._lock:
            if only_if_ended and self._player.running:
                return
            self._player.close()
            self._player = self._new(source_id=self._player.source_id)
            if self._closed:  # meanwhile
                self._player.close()

    def close(self) -> None:
        """End the player; owner's thread."""
        self._closed = True
        self._player.close()
