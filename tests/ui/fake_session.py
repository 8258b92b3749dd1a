"""A session that needs no stream and no model: for the tests of the window, and to look at it.

Run ``python tests/ui/fake_session.py --help`` to open the window on it.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.signal import Marker
from bci_app.engine.events import (
    BlankPicture,
    Event,
    Finished,
    Progress,
    ShowPicture,
    StreamChanged,
    TrialRead,
)
from bci_app.engine.latency import AlgorithmicLatency
from bci_app.engine.mailbox import Mailbox
from bci_app.engine.swap import Found
from bci_app.engine.views import (
    Identification,
    IdentificationCurve,
    LatencyRow,
    Reconstruction,
    SignalSnapshot,
    SignalWords,
    Status,
)
from bci_app.pictures.picture import Picture, make_picture

SIZE_PX = 64


class FakeSession:
    """Answers every question of the window at once and notes what the window says; no thread of its own.

    Parameters
    ----------
    n_channels : int
        Channels of the made-up EEG.
    sfreq : float
        Its sampling rate in Hz.
    shows_pictures : bool
        Whether trials are shown.
    """

    title = "Simulated participant"

    def __init__(self, *, n_channels: int = 32, sfreq: float = 250.0, shows_pictures: bool = True) -> None:
        self.shows_pictures = self.knows_pictures = shows_pictures
        self.signal = SignalWords(n_channels=n_channels, sfreq=sfreq)
        self.reading = False
        self.reconstructions: Mailbox[Reconstruction] = Mailbox()
        self.shown: list[tuple[int, str, float]] = []
        self.handed: list[tuple[Reconstruction, float]] = []
        self.stops = 0
        self.swaps: list[tuple[Path, Path | None]] = []
        self.watermark = ""
        self.now_s = 100.0
        self.n_trials = 0
        self.gaps: tuple[float, ...] = ()
        self.markers: tuple[Marker, ...] = ()
        self.channels = tuple(channel_names(n_channels))
        self.sfreq = sfreq
        self._eeg = made_up_eeg(n_channels, sfreq, seconds=40.0)
        self._on_event: Callable[[Event], None] = lambda event: None

    def start(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event

    def stop(self, timeout_s: float = 2.0) -> None:
        self.stops += 1

    def say(self, event: Event) -> None:
        """Tell the window a fact, as an engine thread would."""
        self._on_event(event)

    def clock(self) -> float:
        return self.now_s

    def signal_snapshot(self, seconds: float) -> SignalSnapshot | None:
        n_times = int(seconds * self.sfreq)
        last = int(self.clock() * self.sfreq)
        index = np.arange(last - n_times, last)
        times = index / self.sfreq
        for gap in self.gaps:
            kept = (times < gap - 0.3) | (times >= gap)
            index, times = index[kept], times[kept]
        data = self._eeg[:, index % self._eeg.shape[1]]
        return SignalSnapshot(self.channels, self.sfreq, data, times, self.markers, self.gaps)

    def identification(self) -> Identification:
        return Identification(made_up_curve(self.n_trials, 0.82, 3), made_up_curve(self.n_trials, 0.5, 7))

    def latencies(self) -> tuple[LatencyRow, ...]:
        return LATENCIES

    def algorithmic(self) -> AlgorithmicLatency:
        return AlgorithmicLatency(600.0, 14.2, 10.0)

    def decoders(self) -> tuple[Found, ...]:
        return (Found(Path("runs/a/decoder"), "P07", "identification 0.81, chance 0.50"),)

    def swap(self, decoder: Path, generator: Path | None = None) -> None:
        self.swaps.append((decoder, generator))

    def status(self) -> Status:
        return Status(
            stream="Connected: 'SimEEG', 32 channels at 250 Hz",
            stream_ok=True,
            model="digits decoder, generator 'digits-64'",
            device="CPU (no GPU asked for)",
            device_ok=True,
            progress=f"Trial {self.n_trials} of 60",
            watermark=self.watermark,
        )

    def picture_shown(self, trial: int, picture_id: str, at_s: float) -> None:
        self.shown.append((trial, picture_id, at_s))

    def handed_to_qt(self, reconstruction: Reconstruction, at_s: float) -> None:
        self.handed.append((reconstruction, at_s))


class RunningFakeSession(FakeSession):
    """The same with a thread that runs trials on the clock of the machine."""

    def __init__(
        self, *, n_of: int = 60, pace_s: float = 1.2, n_channels: int = 32, shows_pictures: bool = True
    ) -> None:
        super().__init__(n_channels=n_channels, shows_pictures=shows_pictures)
        self._n_of = n_of
        self._pace_s = pace_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fake session")

    def start(self, on_event: Callable[[Event], None]) -> None:
        super().start(on_event)
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        super().stop(timeout_s)
        self._stopping.set()
        self._thread.join(timeout_s)

    def clock(self) -> float:
        return time.monotonic()

    def _run(self) -> None:
        self.say(StreamChanged("connected", "Connected to 'SimEEG'"))
        for trial in range(self._n_of):
            picture, read = made_up_picture(trial), made_up_reading(trial)
            self.say(ShowPicture(trial, picture))
            self.markers = (*self.markers[-20:], Marker(self.clock(), picture.label))
            if self._stopping.wait(0.35 * self._pace_s):
                return
            self.say(BlankPicture())
            if self._stopping.wait(0.3 * self._pace_s):
                return
            self.reconstructions.put(reconstruction(trial, self.clock()))
            self.n_trials = trial + 1
            self.say(TrialRead(trial, picture, read, min(1.0, 0.7 + 0.05 * (trial % 7))))
            self.say(Progress(trial + 1, self._n_of, f"Trial {trial + 1} of {self._n_of}"))
            if self._stopping.wait(0.35 * self._pace_s):
                return
        self.say(Finished("All trials are done.", fatal=False))


LATENCIES = (
    LatencyRow("transport age", 2.1, 4.8, 7.9, 12.4, 60),
    LatencyRow("filter, ring, window", 0.4, 1.3, 4.2, 9.1, 60),
    LatencyRow("decoder", 2.3, 4.4, 8.5, 14.8, 60),
    LatencyRow("generator", 9.6, 14.1, 19.8, 35.8, 60),
    LatencyRow("hand-over to Qt", 2.0, 5.7, 9.9, 22.5, 60),
    LatencyRow("total software", 16.8, 27.9, 40.3, 52.1, 60),
)


def channel_names(n_channels: int) -> list[str]:
    """Names of the 10-20 system, then numbers."""
    known = (
        "Fp1 Fp2 F7 F3 Fz F4 F8 FC5 FC1 FC2 FC6 T7 C3 Cz C4 T8 TP9 CP5 CP1 CP2 CP6 TP10 "
        "P7 P3 Pz P4 P8 PO9 O1 Oz O2 PO10"
    )
    return (known.split() + [f"E{number}" for number in range(33, 400)])[:n_channels]


def made_up_eeg(n_channels: int, sfreq: float, seconds: float) -> NDArray[np.float32]:
    """Slow drift, alpha and noise in microvolts, float32 (n_channels, n_times)."""
    rng = np.random.default_rng(5)
    n_times = int(seconds * sfreq)
    times = np.arange(n_times) / sfreq
    white = rng.standard_normal((n_channels, n_times // 2 + 1)) + 1j * rng.standard_normal(
        (n_channels, n_times // 2 + 1)
    )
    frequencies = np.fft.rfftfreq(n_times, 1 / sfreq)
    white *= np.where(frequencies < 1.0, 0.0, 1 / np.sqrt(np.maximum(frequencies, 1.0)))
    pink = np.fft.irfft(white, n_times, axis=1)
    pink *= 9.0 / pink.std()
    alpha = np.sin(2 * np.pi * 10 * times) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.31 * times))
    back = np.linspace(0.0, 1.0, n_channels)[:, np.newaxis]
    return np.asarray(pink + 10 * back * alpha, dtype=np.float32)


def made_up_picture(trial: int) -> Picture:
    """A bright shape on a plain ground."""
    return make_picture(_disc(trial, noise=0.0), "discs", f"disc-{trial % 9}")


def made_up_reading(trial: int) -> NDArray[np.uint8]:
    """The same with noise, as if read from EEG."""
    return _disc(trial, noise=25.0)


def reconstruction(trial: int | None, at_s: float) -> Reconstruction:
    """A finished reading of a trial."""
    number = trial or 0
    steps = ("sampled_s", "arrived_s", "cut_s", "decoded_s", "generated_s")
    fields: dict[str, float] = dict.fromkeys(steps, at_s)
    picture = None if trial is None else made_up_picture(trial)
    return Reconstruction(made_up_reading(number), np.zeros(4, np.float32), trial, picture, **fields)


def made_up_curve(n_trials: int, level: float, seed: int) -> IdentificationCurve:
    """A running mean that closes in on a level, with an interval that narrows."""
    n = np.arange(2, n_trials + 1)
    rng = np.random.default_rng(seed)
    mean = np.cumsum(np.clip(rng.normal(level, 0.15, n_trials), 0, 1))[1:] / np.maximum(n, 1) if n.size else np.zeros(0)
    half = 0.35 / np.sqrt(np.maximum(n, 1))
    return IdentificationCurve(n, mean, np.clip(mean - half, 0, 1), np.clip(mean + half, 0, 1))


def _disc(trial: int, noise: float) -> NDArray[np.uint8]:
    rng = np.random.default_rng(trial)
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] / SIZE_PX
    centre, radius = rng.uniform(0.35, 0.65, 2), rng.uniform(0.18, 0.3)
    ground, ink = rng.uniform(60, 120, 3), rng.uniform(140, 235, 3)
    inside = np.clip((radius - np.hypot(x - centre[0], y - centre[1])) * 40 + 0.5, 0, 1)[..., np.newaxis]
    image = ground * (1 - inside) + ink * inside
    if noise:
        coarse = rng.normal(0, noise, (8, 8, 3)).repeat(SIZE_PX // 8, 0).repeat(SIZE_PX // 8, 1)
        image = image + (coarse + np.roll(coarse, 4, 0) + np.roll(coarse, 4, 1)) / 2
    return np.clip(image, 0, 255).astype(np.uint8)


def main() -> int:
    """Open the window on a running fake session."""
    from bci_app.ui.app import run_window

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--offscreen", action="store_true")
    parser.add_argument("--light", action="store_true")
    parser.add_argument("--sliding", action="store_true", help="no pictures are shown")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--pace", type=float, default=1.2, help="seconds per trial")
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--screenshot", type=Path)
    wanted = parser.parse_args()
    session = RunningFakeSession(
        n_of=wanted.trials, pace_s=wanted.pace, n_channels=wanted.channels, shows_pictures=not wanted.sliding
    )
    return run_window(
        session,
        offscreen=wanted.offscreen,
        close_when_finished=wanted.offscreen,
        screenshot=wanted.screenshot,
        appearance="light" if wanted.light else "dark",
    )


if __name__ == "__main__":
    raise SystemExit(main())
