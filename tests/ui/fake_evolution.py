"""An evolution that needs no stream, no model and no thread: for the tests of its window, and to look at it.

Run ``python -m tests.ui.fake_evolution --help`` to save pictures of the window in its states.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from bci_app.engine.events import Event, Finished
from bci_app.engine.evolution_settings import EvolutionSettings
from bci_app.engine.evolution_views import ActivationCurves, EvolutionSnapshot, MeanCurve, Member, OnsetRow
from bci_app.engine.views import SignalSnapshot, SignalWords, Status
from bci_app.pictures.picture import Picture, make_picture
from tests.ui.fake_session import FakeSession, made_up_picture, made_up_reading


class FakeEvolution:
    """Answers every question of the window at once and notes what the window says.

    Parameters
    ----------
    with_signal : bool
        Whether the response is read from a stream.
    n_scored : int
        Scored generations.
    settings : dict
        Those of the evolution that are not the usual ones.
    """

    title = "Simulated participant"
    reading = False

    def __init__(self, *, with_signal: bool = True, n_scored: int = 0, **settings: Any) -> None:
        self.plan = SimpleNamespace(settings=EvolutionSettings(**settings))
        self.signal: SignalWords | None = SignalWords(n_channels=32, sfreq=250.0) if with_signal else None
        self.n_scored = n_scored
        self.watermark = "SIMULATED PARTICIPANT" if with_signal else ""
        self.now_s = 100.0
        self.shown: list[tuple[int, str, float]] = []
        self.ratings: list[tuple[int, int]] = []
        self.said: list[str] = []
        self.refresh_hz = 0.0
        self.stops = 0
        self._eeg = FakeSession()
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
        self._eeg.now_s = self.now_s
        return self._eeg.signal_snapshot(seconds) if self.signal else None

    def picture_shown(self, trial: int, picture_id: str, at_s: float) -> None:
        self.shown.append((trial, picture_id, at_s))

    def rate(self, trial: int, value: int) -> None:
        self.ratings.append((trial, value))

    def set_refresh(self, hz: float) -> None:
        self.refresh_hz = hz

    def pause(self) -> None:
        self.said.append("pause")

    def resume(self) -> None:
        self.said.append("resume")

    def halt(self, reason: str = "Stopped by the stop key.") -> None:
        self.said.append("halt")
        self.say(Finished(reason, fatal=False))

    def status(self) -> Status:
        stream = "SimEEG · 32 ch · 250 Hz" if self.signal else "no stream needed"
        progress = f"Generation {self.n_scored + 1} of 40, picture 14 of 26"
        return Status(stream, True, "pictures64 → Pz, 300 to 600 ms", "CPU", True, progress, self.watermark)

    def evolution(self) -> EvolutionSnapshot:
        settings: EvolutionSettings = self.plan.settings
        members = made_up_members(self.n_scored, settings.optimiser.population)
        return EvolutionSnapshot(
            generation=self.n_scored,
            n_generations=settings.n_generations,
            response="Pz, 300 to 600 ms",
            unit="µV",
            members=members,
            best=members[3] if self.n_scored else None,
            estimate=made_up_picture(3).image if self.n_scored else None,
            averages=tuple(made_up_reading(generation) for generation in range(self.n_scored)),
            curves=made_up_curves(self.n_scored),
            onsets=OnsetRow(26 * self.n_scored + 13, 3 * self.n_scored, 2, 1.25, 9.8, 0, 60.0),
            counts={"shown": 26 * self.n_scored + 13, "answered": 25 * self.n_scored + 12, "rejected": self.n_scored},
            progress=f"Generation {self.n_scored + 1} of 40",
            sham=settings.sham,
        )


def evolved_picture(number: int) -> Picture:
    """A picture as an evolution shows it."""
    return make_picture(made_up_picture(number).image, "evolved", f"g000-m{number:02d}")


def made_up_members(generation: int, population: int) -> tuple[Member, ...]:
    """An evolved population of which the second half has no response yet, four natural and two prior pictures."""
    rng = np.random.default_rng(generation)
    members = []
    for index, kind in enumerate(["evolved"] * population + ["natural"] * 4 + ["prior"] * 2):
        answered = index < population // 2 or index >= population + 3
        score = float(rng.normal(2 + generation / 8, 3)) if answered else np.nan
        image = made_up_picture(97 * generation + index).image
        members.append(Member(f"{kind}/{index}/{generation}", image, score, int(answered), kind))  # type: ignore[arg-type]
    return tuple(members)


def made_up_curves(n: int) -> ActivationCurves:
    """Evolved pictures rise, the others do not."""
    rng = np.random.default_rng(5)
    generations = np.arange(n)
    curves = {}
    for name, top, half in (("evolved", 6.0, 0.8), ("natural", 0.5, 1.6), ("prior", 0.0, 2.2)):
        mean = top * (1 - np.exp(-generations / 10)) + rng.normal(1, 0.3, n)
        curves[name] = MeanCurve(mean, mean - half, mean + half)
    best = np.maximum.accumulate(curves["evolved"].mean + 3.0) if n else np.zeros(0)
    return ActivationCurves(generations, curves["evolved"], curves["natural"], curves["prior"], best)


def main() -> int:
    """Save pictures of the window in its states."""
    os.environ["QT_QPA_PLATFORM"] = os.environ.get("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from bci_app.engine.events import Problem, RatingWanted, ShowPicture
    from bci_app.ui import theme
    from bci_app.ui.evolution_window import EvolutionWindow

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication([])
    app.setQuitOnLastWindowClosed(False)
    show = ShowPicture(1, evolved_picture(4))
    rate = RatingWanted(1, 9)
    trouble = Problem(
        "The newest sample is 3.2 s old, more than 2 s are not allowed: pictures are held, and those whose trials were lost "
        "are shown again as soon as samples arrive.",
        fatal=False,
    )
    states: dict[str, tuple[FakeEvolution, tuple[Event, ...]]] = {
        "first": (FakeEvolution(), ()),
        "midway": (FakeEvolution(n_scored=23), (show,)),
        "sham": (FakeEvolution(n_scored=23, sham="on", stimulus={"photodiode": True}), (show,)),
        "blind": (FakeEvolution(n_scored=39, sham="blind"), (show,)),
        "rating": (FakeEvolution(n_scored=3, with_signal=False, response={"kind": "rating"}), (show, rate)),
        "trouble": (FakeEvolution(n_scored=12), (trouble,)),
        "stopped": (FakeEvolution(n_scored=12), (Finished("Stopped by the stop key.", fatal=False),)),
        "large": (FakeEvolution(n_scored=12, optimiser={"kind": "random", "population": 120}), (show,)),
    }
    for name, (session, events) in states.items():
        for look, (width, height) in (("dark", (1280, 800)), ("light", (1920, 1080))):
            theme.dress(app, theme.THEMES[look])
            window = EvolutionWindow(session, colours=theme.THEMES[look])
            window.resize(width, height)
            window.show()
            window.begin()
            for event in events:
                session.say(event)
                app.processEvents()
            window.bridge.poll_all()
            window.bridge._poll()
            app.processEvents()
            window.grab().save(str(folder / f"{name}-{look}-{width}.png"))
            window.close()
            window.deleteLater()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
