"""The reader in real time: eye tracker, stimulus computer and brain in one. Sends EEG, and a marker at each word it looks at.

Threads: `LiveReader` belongs to one thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import numpy as np

from bci_app.simulation.reading import Reader, reading_of
from bci_app.simulation.sentences import sentences
from bci_app.simulation.settings import ParticipantSettings
from bci_app.streams.lsl import local_clock
from bci_app.streams.lsl_outlet import LslOutlet
from bci_app.streams.markers import MarkerOutlet

logger = logging.getLogger(__name__)

ROUND = 40
"""Sentences per task that are drawn at a time, in mixed order."""


class LiveReader:
    """Streams one reader's EEG and markers until it is stopped.

    Parameters
    ----------
    settings : ParticipantSettings
        Who reads, with `reading`; the markers are sent as `marker_name`.

    Attributes
    ----------
    reader : Reader
        The brain, and what it reads: sentences of the part ``test``, without end.

    Raises
    ------
    SettingsError
        If the participant does not read, or the montage cannot be built.
    """

    def __init__(self, settings: ParticipantSettings) -> None:
        self.settings = settings
        self.reader = Reader(settings, endless_sentences(settings))
        self._wait_s = reading_of(settings).wait_s

    def run(self, stop: threading.Event, on_ready: Callable[[], None]) -> None:
        """Stream until ``stop`` is set; ``on_ready`` is called when both streams can be found.

        Sample ``n`` carries the time ``start + n / sfreq`` exactly, and so do the markers that stand on it. The first sentence
        waits for somebody who listens to both streams.
        """
        settings, participant = self.settings, self.reader.participant
        with (
            LslOutlet(settings.stream_name, participant.channels, settings.sfreq, settings.source_id) as signal,
            MarkerOutlet(settings.marker_name, f"{settings.source_id}-markers") as markers,
        ):
            on_ready()
            participant.start_s = local_clock()
            while not stop.is_set():
                self._step(signal, markers, stop)

    def _step(self, signal: LslOutlet, markers: MarkerOutlet, stop: threading.Event) -> None:
        """Wait for the next chunk's last sample, send it and its markers."""
        participant, n = self.reader.participant, self.settings.chunk
        due_s = participant.start_s + (participant.n_generated + n - 1) / participant.sfreq
        if stop.wait(max(0.0, due_s - local_clock())):
            return
        if not self.reader.has_begun:
            heard = signal.has_consumers and markers.has_consumers
            if heard or due_s - participant.start_s > self._wait_s:
                logger.info("Reading begins%s", "" if heard else f": nobody listened within {self._wait_s:g} s")
                self.reader.begin()
        data, due = self.reader.generate(n)
        signal.push(data, due_s)
        for marker in due:
            markers.push(marker.label, marker.time)


def endless_sentences(settings: ParticipantSettings) -> Iterator[str]:
    """Sentences of the part ``test``, tasks mixed, without end and in an order that seed and session draw."""
    tasks, number = reading_of(settings).tasks, 0
    rng = np.random.default_rng([settings.seed, settings.session, 5])
    while True:
        drawn = [sentence for task in tasks for sentence in sentences(task, ROUND, number, "test")]
        yield from (drawn[place] for place in rng.permutation(len(drawn)))
        number += 1
