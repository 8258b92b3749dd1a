"""A calibration that needs no stream: for the tests of its window and its page."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from bci_app.engine.calibration_session import CalibrationSettings
from bci_app.engine.events import Event, Finished
from bci_app.engine.evolution_settings import Stimulus
from bci_app.engine.evolution_views import OnsetRow
from tests.ui.fake_session import FakeSession


class FakeCalibration(FakeSession):
    """Notes what the window says; `say` tells it something."""

    title = "Calibration"

    def __init__(self, folder: Path | None = None, where: str = "window") -> None:
        super().__init__(n_channels=4)
        settings = CalibrationSettings(stimulus=Stimulus(where=where))  # type: ignore[arg-type]
        self.plan = SimpleNamespace(settings=settings, folder=folder)
        self.onsets = OnsetRow(n=34, late=1, worst_frames=1, p50_ms=1.0, p99_ms=17.0, never=0, refresh_hz=60.0)
        self.n_shown = 34
        self.ended: Finished | None = None
        self.asked: list[str] = []

    def say(self, event: Event) -> None:
        if isinstance(event, Finished):
            self.ended = event
        super().say(event)

    def set_refresh(self, hz: float) -> None:
        self.asked.append(f"refresh {hz:.0f}")

    def set_paused(self, paused: bool) -> None:
        self.asked.append(f"paused {paused}")

    def go_on(self) -> None:
        self.asked.append("go on")

    def halt(self) -> None:
        self.asked.append("halt")
