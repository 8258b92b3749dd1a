"""The participant in real time: listens to pictures and markers on LSL, answers with EEG.

Threads: `run` belongs to one thread; two listeners put what they hear into a queue that only `run` empties.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from bci_app.contract.errors import AmbiguousStreamError, BciError, NoStreamError
from bci_app.contract.signal import Marker
from bci_app.pictures.picture import Picture
from bci_app.simulation.participant import Participant
from bci_app.simulation.settings import ParticipantSettings
from bci_app.streams.lsl import find, local_clock
from bci_app.streams.lsl_outlet import LslOutlet
from bci_app.streams.markers import MARKER_TYPE, PICTURE_TYPE, MarkerInlet, PictureInlet
from bci_app.streams.source import StreamState

logger = logging.getLogger(__name__)

SHOWN = "shown/"
"""A marker "shown/" + picture id says that this picture has just appeared."""
SEARCH_S, PULL_S = 2.0, 0.2
PICTURE_PATIENCE_S = 0.5
"""How long a marker waits for its picture, which travels on another stream."""

Heard = Picture | Marker


@dataclass(slots=True)
class _Waiting:
    marker: Marker
    until_s: float


class LiveParticipant:
    """Streams one participant's EEG until it is stopped.

    Parameters
    ----------
    settings : ParticipantSettings
        What the participant is like, and the names of the streams.

    Attributes
    ----------
    participant : Participant
        The brain.
    """

    def __init__(self, settings: ParticipantSettings) -> None:
        self.settings = settings
        self.participant = Participant(settings)
        self._heard: SimpleQueue[Heard] = SimpleQueue()
        self._waiting: list[_Waiting] = []

    def run(self, stop: threading.Event, on_ready: Callable[[], None]) -> None:
        """Stream until ``stop`` is set; ``on_ready`` is called when the stream can be found.

        Sample ``n`` carries the time ``start + n / sfreq`` exactly; chunks leave when their last sample is
        due, so the stream keeps step with the LSL clock however long it runs.
        """
        settings = self.settings
        listeners = [
            threading.Thread(target=self._listen, args=(kind, stop), name=f"participant {kind}", daemon=True)
            for kind in (MARKER_TYPE, PICTURE_TYPE)
        ]
        with LslOutlet(settings.stream_name, self.participant.channels, settings.sfreq, settings.source_id) as outlet:
            for listener in listeners:
                listener.start()
            on_ready()
            self.participant.start_s = local_clock()
            while not stop.is_set():
                self._step(outlet, stop)
            for listener in listeners:
                listener.join(timeout=SEARCH_S)

    def _step(self, outlet: LslOutlet, stop: threading.Event) -> None:
        """Wait for the next chunk's last sample, answer what was shown, send."""
        participant, settings = self.participant, self.settings
        last = participant.n_generated + settings.chunk - 1
        due_s = participant.start_s + last / settings.sfreq
        if stop.wait(max(0.0, due_s - local_clock())):
            return
        self._answer(local_clock())
        outlet.push(participant.generate(settings.chunk), due_s)

    def _answer(self, now_s: float) -> None:
        while True:
            try:
                heard = self._heard.get_nowait()
            except Empty:
                break
            if isinstance(heard, Picture):
                self.participant.see(heard)
            elif heard.label.startswith(SHOWN):
                self._waiting.append(_Waiting(heard, now_s + PICTURE_PATIENCE_S))
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            picture_id = item.marker.label.removeprefix(SHOWN)
            if self.participant.knows(picture_id) or now_s > item.until_s:
                self.participant.shown(picture_id, item.marker.time)
            else:
                self._waiting.append(item)

    def _listen(self, kind: str, stop: threading.Event) -> None:
        """Find the app's stream of this kind by name, as often as it comes and goes."""
        name = self.settings.marker_name if kind == MARKER_TYPE else self.settings.picture_name
        while not stop.is_set():
            lost = threading.Event()

            def on_state(state: StreamState, message: str, lost: threading.Event = lost) -> None:
                logger.info("%s", message)
                if state == "lost":
                    lost.set()

            try:
                found = find(name=name, type=kind, timeout_s=SEARCH_S, cancelled=stop)
                inlet = (MarkerInlet if kind == MARKER_TYPE else PictureInlet)(found, on_state=on_state)
            except NoStreamError:
                continue
            except AmbiguousStreamError as error:
                logger.warning("%s", error)
                stop.wait(SEARCH_S)
                continue
            except BciError as error:
                logger.info("%s", error)
                continue
            with inlet:
                while not (stop.is_set() or lost.is_set()):
                    for heard in inlet.pull(PULL_S):
                        self._heard.put(heard)
