"""The bridge of an evolution: what it shows and asks, and what the person answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from bci_app.engine.events import Event, GenerationScored, RatingWanted
from bci_app.engine.evolution_settings import EvolutionSettings
from bci_app.engine.evolution_views import EvolutionSnapshot
from bci_app.engine.views import SignalWords
from bci_app.ui.bridge import AnySession, ShowingBridge


class EvolutionPlan(Protocol):
    """What the window needs to know of the plan."""

    @property
    def settings(self) -> EvolutionSettings:
        """What the evolution is to do."""


class EvolutionSession(AnySession, Protocol):
    """What the window of an evolution needs besides; all of it may be called from the GUI thread."""

    signal: SignalWords | None

    @property
    def plan(self) -> EvolutionPlan:
        """What is run."""

    def evolution(self) -> EvolutionSnapshot:
        """The evolution as it stands."""

    def rate(self, trial: int, value: int) -> None:
        """The person rates the picture of a trial."""

    def set_refresh(self, hz: float) -> None:
        """Frames per second of the screen that pictures are shown on."""

    def pause(self) -> None:
        """Show nothing until `resume`."""

    def resume(self) -> None:
        """Go on where it stood."""

    def halt(self) -> None:
        """Blank at once and end."""


class EvolutionBridge(ShowingBridge):
    """The bridge of a session that evolves pictures.

    Parameters
    ----------
    session : EvolutionSession
        Not started yet.
    parent : QObject, optional
        Owner.
    """

    rating_wanted = Signal(object)
    generation_scored = Signal(object)
    evolution_polled = Signal(object)

    def __init__(self, session: EvolutionSession, parent: QObject | None = None) -> None:
        super().__init__(session, parent)
        self._session = session
        self.signal_wanted = session.signal is not None

    def rate(self, trial: int, value: int) -> None:
        """Tell the session a rating."""
        if not self._closed:
            self._session.rate(trial, value)

    def set_refresh(self, hz: float) -> None:
        """Tell the session the frames per second of the participant's screen."""
        self._session.set_refresh(hz)

    def set_paused(self, paused: bool) -> None:
        """Tell the session to pause or to go on."""
        if not self._closed:
            (self._session.pause if paused else self._session.resume)()

    def halt(self) -> None:
        """Tell the session to stop."""
        if not self._closed:
            self._session.halt()

    def _slow_polls(self) -> Mapping[int, Callable[[], None]]:
        return {**super()._slow_polls(), 4: lambda: self.evolution_polled.emit(self._session.evolution())}

    def _dispatch(self, event: Event) -> None:
        if not self._closed:
            match event:
                case RatingWanted():
                    self.rating_wanted.emit(event)
                case GenerationScored():
                    self.generation_scored.emit(event)
        super()._dispatch(event)
