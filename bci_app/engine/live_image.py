"""The decoding thread: window or trial -> latent -> picture -> mailbox; between two of them models may be exchanged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.signal import Marker, Trial, Window
from bci_app.contract.windowing import HopWindows, MarkerTrials
from bci_app.engine.mailbox import Mailbox
from bci_app.engine.swap import Models
from bci_app.engine.views import Reconstruction
from bci_app.engine.worker import GIVE_WAY_S, Worker
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture
from bci_app.streams.ring import Ring

_SOON_S = 0.012
"""What a painting takes at most: one that began this shortly before a window would hold a core that the models need."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that was on screen: its trial number, and its latent (latent_dim,) by the generator's encoder."""

    trial: int
    picture: Picture
    latent: NDArray[np.float32]


class SlidingDecoding(Worker):
    """Reads the newest window at every hop; one that comes while the last is still being read replaces it.

    Parameters
    ----------
    on_window : callable
        Called in the decoding thread with what was read of each window, after the picture is in the mailbox.
    """

    def __init__(
        self,
        windows: HopWindows,
        ring: Ring,
        reader: Reader,
        reconstructions: Mailbox[Reconstruction],
        on_window: Callable[[Reconstruction], None],
        on_failure: Callable[[str], None],
    ) -> None:
        super().__init__("decoding", on_failure)
        self._on_window = on_window
        self.windows = windows
        self._ring = ring
        self._soon = int(_SOON_S * ring.sfreq)
        self._reader = reader
        self._reconstructions = reconstructions

    @property
    def due(self) -> bool:
        """Whether a window waits to be read, or is about to be complete: no time to begin a painting. Any thread."""
        return self.windows.next_end - self._ring.newest <= self._soon

    def step(self) -> bool:
        """Wait for the sample that completes a window, then read it; decoding thread."""
        complete = self._ring.wait_newer(self.windows.next_end - 1, 0.2)
        self._reader.turn()
        if complete:
            for window in self.windows.due(self._ring, latest_only=True):
                result = self._reader.read(window)
                self._reconstructions.put(result)
                self._on_window(result)
        return True


class TrialDecoding(Worker):
    """Reads a trial round each marker, as soon as its last sample is there.

    Parameters
    ----------
    on_trial : callable
        Called in the decoding thread with each trial, its reconstruction and the picture shown (None if the marker
        is not of this program), after the picture is in the mailbox.
    on_dropped : callable
        Called in the decoding thread with each marker that gave no trial, and why.
    """

    def __init__(
        self,
        trials: MarkerTrials,
        ring: Ring,
        reader: Reader,
        reconstructions: Mailbox[Reconstruction],
        on_trial: Callable[[Trial, Reconstruction, Shown | None], None],
        on_dropped: Callable[[Marker, str, Shown | None], None],
        on_failure: Callable[[str], None],
    ) -> None:
        super().__init__("decoding", on_failure)
        self._trials = trials
        self._ring = ring
        self._reader = reader
        self._reconstructions = reconstructions
        self._on_trial = on_trial
        self._on_dropped = on_dropped
        self._lock = threading.Lock()
        self._arrivals: list[tuple[Marker, Shown | None]] = []
        self._shown: dict[Marker, list[Shown | None]] = {}  # two markers may be equal
        self._seen = 0

    def add(self, marker: Marker, shown: Shown | None = None) -> None:
        """Await the trial of `marker`; any thread."""
        with self._lock:
            self._arrivals.append((marker, shown))

    def step(self) -> bool:
        """Wait for new samples, then read the trials they completed; decoding thread."""
        self._ring.wait_newer(self._seen, 0.2)
        self._seen = self._ring.newest
        self._reader.turn()
        with self._lock:
            arrivals, self._arrivals = self._arrivals, []
        for marker, shown in arrivals:
            self._shown.setdefault(marker, []).append(shown)
            self._trials.add(marker)
        for trial in self._trials.due(self._ring):
            shown = self._take(trial.marker)
            result = self._reader.read(trial.window, shown)
            self._reconstructions.put(result)
            time.sleep(GIVE_WAY_S)
            self._on_trial(trial, result, shown)
        self._tell_dropped()
        return True

    def close(self) -> None:
        """Count the markers whose trial never became complete; decoding thread."""
        self._trials.drop_pending("the session ended before its last sample")
        self._tell_dropped()

    def _take(self, marker: Marker) -> Shown | None:
        """What was on screen at `marker`; the first come, if several markers are equal."""
        shown = self._shown[marker].pop(0)
        if not self._shown[marker]:
            del self._shown[marker]
        return shown

    def _tell_dropped(self) -> None:
        while self._trials.dropped:
            marker, reason = self._trials.dropped.pop(0)
            self._on_dropped(marker, reason, self._take(marker))


class Reader:
    """Window -> latent -> picture, with the time of each step on `clock`.

    The same object reads live and offline, so both give the same pictures.

    Parameters
    ----------
    decoder, generator
        What it reads with until others are handed in.
    clock : callable
        LSL seconds.
    on_exchange : callable
        Takes the models that have just taken over, in the thread that reads.

    Attributes
    ----------
    models : Models
        What it reads with.
    n_read : int
        Windows read so far.
    reading : bool
        Whether a window is being read at this moment.
    """

    def __init__(
        self,
        decoder: Decoder,
        generator: Generator,
        clock: Callable[[], float],
        on_exchange: Callable[[Models], None] = lambda models: None,
    ) -> None:
        self.models = Models(decoder, generator)
        self.n_read = 0
        self.reading = False
        self._clock = clock
        self._on_exchange = on_exchange
        self._handed_in: Mailbox[Models] = Mailbox()

    @property
    def decoder(self) -> Decoder:
        """The decoder in use; any thread."""
        return self.models.decoder

    @property
    def generator(self) -> Generator:
        """The generator in use; any thread."""
        return self.models.generator

    def hand_in(self, models: Models) -> None:
        """Read with `models` from the next turn on; any thread."""
        self._handed_in.put(models)

    def turn(self) -> None:
        """Between two windows: let models that were handed in take over; the thread that reads."""
        models = self._handed_in.take()
        if models is not None:
            self.models = models
            self._on_exchange(models)

    def read(self, window: Window, shown: Shown | None = None) -> Reconstruction:
        """The picture read from one window; any one thread."""
        cut_s, self.reading, models = self._clock(), True, self.models
        latent = models.decoder.decode(window.data)
        decoded_s = self._clock()
        image = models.generator.generate(latent[np.newaxis])[0]
        generated_s, self.reading = self._clock(), False
        self.n_read += 1
        return Reconstruction(
            image=image,
            latent=latent,
            trial=None if shown is None else shown.trial,
            picture=None if shown is None else shown.picture,
            arrived_s=window.arrived_s,
            cut_s=cut_s,
            decoded_s=decoded_s,
            generated_s=generated_s,
            sampled_s=float(window.times[-1]),
            first_sample=window.first_sample,
            model=models.name,
        )

    def read_noise(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """The latent (latent_dim,) that the same decoder reads from matched noise: the twin of a trial."""
        return self.decoder.decode(self.decoder.noise_windows(rng, 1)[0])
