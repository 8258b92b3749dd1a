"""Pictures for a calibration: each once, on time, with breaks; nothing is read from them yet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bci_app.engine.events import BlankPicture, Break, Event, Finished, Problem, Progress, ShowPicture
from bci_app.engine.settings import Presentation
from bci_app.engine.worker import Worker
from bci_app.pictures.picture import Picture

LEAD_S = 1.0
"""From the start, the end of a break or the return of the stream to the next picture."""
_PAINT_WITHIN_S = 2.0
_LOOK_S = 0.05

OnOnset = Callable[[int, Picture, float, float], None]


@dataclass(frozen=True, slots=True)
class Breaks:
    """A break of `seconds` after every `every` pictures; 0 for none."""

    every: int = 50
    seconds: float = 15.0


class CalibrationPresenter(Worker):
    """Shows each picture once and ends when the last one's trial is over.

    A picture that nobody painted, or during which the stream went away, is shown again.

    Parameters
    ----------
    timing : Presentation
        Pace; how many pictures there are is for `pictures` to say.
    breaks : Breaks
        When the participant rests.
    pictures : sequence of Picture
        In the order in which they are shown.
    emit : callable
        Takes events; called in this thread.
    announce : callable
        Sends a picture to the simulated participant, before it is due; this thread.
    on_onset : callable
        Takes (number of the picture, the picture, when it was due, when it was painted), the latter in LSL seconds; called in
        the thread that painted.
    clock : callable
        LSL seconds.
    reach_s : float
        How long after its onset a trial lasts.
    """

    def __init__(
        self,
        timing: Presentation,
        breaks: Breaks,
        pictures: Sequence[Picture],
        emit: Callable[[Event], None],
        announce: Callable[[Picture], None],
        on_onset: OnOnset,
        on_failure: Callable[[str], None],
        clock: Callable[[], float],
        reach_s: float = 1.0,
    ) -> None:
        super().__init__("presentation", on_failure)
        self._timing = timing
        self._breaks = breaks
        self._pictures = pictures
        self._emit = emit
        self._announce = announce
        self._on_onset = on_onset
        self._clock = clock
        self._reach_s = reach_s
        self._next_onset = clock() + LEAD_S
        self._n_shown = self._n_turns = 0
        self._rested_at = 0
        self._turn: tuple[int, Picture, float] | None = None
        self._painted = threading.Event()
        self._painted_s = 0.0
        self._away, self._paused = threading.Event(), threading.Event()
        self._halted, self._go_on = threading.Event(), threading.Event()
        self._told_unpainted = False

    @property
    def n_shown(self) -> int:
        """Pictures shown so far; any thread."""
        return self._n_shown

    @property
    def text(self) -> str:
        """Where it stands, in plain words; any thread."""
        return f"Picture {self._n_shown} of {len(self._pictures)}"

    def hold(self, hold: bool) -> None:
        """Show nothing until called again with False: the stream is away. Any thread."""
        (self._away.set if hold else self._away.clear)()

    def set_paused(self, paused: bool) -> None:
        """Show nothing until called again with False: the person wants it so. Any thread."""
        (self._paused.set if paused else self._paused.clear)()

    def halt(self) -> None:
        """End with what has been shown. Any thread."""
        self._halted.set()
        self._go_on.set()

    def go_on(self) -> None:
        """End the break. Any thread."""
        self._go_on.set()

    def painted(self, turn: int, at_s: float) -> None:
        """The picture of `turn` is on screen since `at_s`; GUI thread."""
        current = self._turn
        if current is None or current[0] != turn or self._painted.is_set():
            return
        _, picture, due_s = current
        self._on_onset(self._n_shown, picture, due_s, at_s)
        self._painted_s = at_s
        self._painted.set()

    def step(self) -> bool:
        """One picture, one break, or the end; presentation thread."""
        if self._halted.is_set() or self._n_shown == len(self._pictures):
            return self._finish()
        if self._held:
            self._next_onset = self._clock() + LEAD_S
            return not self.pause(_LOOK_S)
        if self._break_due:
            self._rest()
        else:
            self._show(self._pictures[self._n_shown])
        return not self.stopping

    @property
    def _held(self) -> bool:
        return self._away.is_set() or self._paused.is_set()

    @property
    def _break_due(self) -> bool:
        every, n = self._breaks.every, self._n_shown
        return every > 0 and n > 0 and n % every == 0 and n != self._rested_at

    def _show(self, picture: Picture) -> None:
        self._announce(picture)
        due_s = max(self._next_onset, self._clock())
        self._painted.clear()
        turn, self._n_turns = self._n_turns, self._n_turns + 1
        self._turn = (turn, picture, due_s)
        self._emit(ShowPicture(turn, picture, due_s))
        if not self._on_screen(due_s + _PAINT_WITHIN_S):
            return
        self._next_onset = self._painted_s + self._timing.soa_s
        self.pause(self._painted_s + self._timing.show_s - self._clock())
        self._turn = None
        self._emit(BlankPicture())
        if self._away.is_set():  # it had no signal: it is shown again
            return
        self._n_shown += 1
        self._emit(Progress(self._n_shown, len(self._pictures), self.text))

    def _on_screen(self, until_s: float) -> bool:
        """Wait until the picture is painted; False if it is not, or nothing may be shown any more."""
        while not self._painted.wait(_LOOK_S):
            late = self._clock() > until_s
            if not (late or self.stopping or self._held or self._halted.is_set()):
                continue
            self._turn = None
            self._emit(BlankPicture())
            self._next_onset = self._clock() + LEAD_S
            if late and not self._told_unpainted:
                self._told_unpainted = True
                self._emit(
                    Problem(
                        f"A picture was to be painted at once; the screen did not paint it within {_PAINT_WITHIN_S:g} s, so it "
                        "is shown again. Keep the participant's screen visible: not minimised, not covered.",
                        fatal=False,
                    )
                )
            return False
        return True

    def _rest(self) -> None:
        """A break, until it is over or somebody ends it."""
        self._rested_at = self._n_shown
        self._go_on.clear()
        if self._halted.is_set():
            return
        until_s = self._clock() + self._breaks.seconds
        self._emit(Break(self._breaks.seconds))
        while not (self.stopping or self._go_on.wait(_LOOK_S) or self._clock() >= until_s):
            pass
        self._emit(Break(0.0))
        self._next_onset = self._clock() + LEAD_S

    def _finish(self) -> bool:
        """Let the last trial come to its end, then say that all is over."""
        if self.pause(self._reach_s):
            return False
        how = "All" if self._n_shown == len(self._pictures) else f"Stopped by hand: {self._n_shown} of"
        self._emit(Finished(f"{how} {len(self._pictures)} pictures were shown.", fatal=False))
        return False
