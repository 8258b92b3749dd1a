"""The trial clock of an evolution: which picture when, and no picture while the signal is away or somebody says stop."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from bci_app.engine.events import BlankPicture, Event, Finished, GenerationScored, Problem, Progress, ShowPicture
from bci_app.engine.evolution_history import GenerationResult
from bci_app.engine.evolution_onsets import OnsetLog
from bci_app.engine.evolution_run import EvolutionRun
from bci_app.engine.evolution_showing import NEVER_PAINTED, Showing
from bci_app.engine.worker import Worker
from bci_app.pictures.picture import Picture

_READY_S = 1.0
"""Before the first picture, and after each hold, so that nobody is taken by surprise."""
_AHEAD_S = 0.1
"""How long before it is due a picture is handed to the window, which waits for its time more exactly than we can."""
_SLICE_S = 0.02
"""How often the waiting presenter looks whether it must stop."""
_PAINT_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the presenter asks of the session.

    Attributes
    ----------
    tell : callable
        Takes events; any of our threads.
    announce : callable
        Makes a picture known to a simulated participant, before it is needed; presentation thread.
    on_onset : callable
        Takes (showing, LSL seconds); the thread that painted.
    respond : callable
        Answers a picture that needs no signal; presentation thread, right after its onset.
    keep : callable
        Writes the result of a generation and the state after it; presentation thread.
    signal_fault : callable
        Why the signal cannot be relied on now, as the beginning of a sentence; empty if it can. Presentation thread.
    """

    tell: Callable[[Event], None]
    announce: Callable[[Picture], None] = lambda picture: None
    on_onset: Callable[[Showing, float], None] = lambda showing, at_s: None
    respond: Callable[[Showing], None] = lambda showing: None
    keep: Callable[[GenerationResult], None] = lambda result: None
    signal_fault: Callable[[], str] = lambda: ""


@dataclass
class _Turn:
    showing: Showing
    painted: threading.Event = field(default_factory=threading.Event)
    onset_s: float = math.nan
    void: bool = False


class EvolutionPresenter(Worker):
    """Shows the pictures of a run one after another, and moves it on from generation to generation.

    A picture's onset is what the window reports. Nothing is shown while the signal is away, while paused, or after a halt;
    each of these blanks at once.

    Parameters
    ----------
    run : EvolutionRun
        Knows which picture is next.
    onsets : OnsetLog
        Gets the delays.
    hooks : Hooks
        What the session does at each step.
    on_failure : callable
        Takes a message that ends the session.
    clock : callable
        LSL seconds.
    patience_s : float
        How long after its onset a response may still come.
    rated : bool
        A person answers each picture, which stays until then.
    """

    def __init__(
        self,
        run: EvolutionRun,
        onsets: OnsetLog,
        hooks: Hooks,
        on_failure: Callable[[str], None],
        clock: Callable[[], float],
        *,
        patience_s: float = 10.0,
        rated: bool = False,
    ) -> None:
        super().__init__("presentation", on_failure)
        self._evolution = run
        self._timing = run.settings.timing
        self._onsets = onsets
        self._hooks = hooks
        self._clock = clock
        self._patience_s, self._rated = patience_s, rated
        self._turn: _Turn | None = None
        self._gate = threading.RLock()  # a window may answer in the very call that asks it to paint
        self._paused = self._quit = self._held = False
        self._told_unpainted = False
        self._started_at = self._next_due = clock()

    # -- from other threads ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread; the time limit runs from here. Owner's thread."""
        self._started_at = self._clock()
        self._next_due = self._started_at + _READY_S
        super().start()

    def halt(self) -> None:
        """Blank, and show nothing more; any thread."""
        with self._gate:
            self._quit = True
            self._blank()

    def set_paused(self, paused: bool) -> None:
        """Blank, and show nothing until called again with False; any thread."""
        with self._gate:
            self._paused = paused
            if paused:
                self._blank()

    @property
    def paused(self) -> bool:
        """Whether somebody has paused it; any thread."""
        return self._paused

    @property
    def holding(self) -> bool:
        """Whether pictures are held because the signal is away; any thread."""
        return self._held

    def painted(self, number: int, picture_id: str, at_s: float) -> None:
        """The picture `picture_id` of presentation `number` is on screen since `at_s`; GUI thread."""
        with self._gate:
            turn = self._turn
            if turn is None or turn.void or turn.painted.is_set():
                return
            if (turn.showing.number, turn.showing.picture.id) != (number, picture_id):
                return
            turn.onset_s = at_s
            self._onsets.add(turn.showing.due_s, at_s)
            self._evolution.shown(number, at_s)
            self._hooks.on_onset(turn.showing, at_s)
            turn.painted.set()

    # -- the loop ----------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """One picture, one wait, or the next generation; presentation thread."""
        run = self._evolution
        if self._over():
            return False
        if self._interrupted():
            self._next_due = self._clock() + _READY_S
            self.pause(_SLICE_S)
            return True
        if run.upcoming is not None:
            self._present()
            return True
        if not run.complete:
            self._await_responses()
            return True
        return self._advance()

    def close(self) -> None:
        """Whatever ended it, nothing stays on screen; presentation thread."""
        with self._gate:
            self._quit = True
            self._blank()

    def announce(self) -> None:
        """Make the pictures of the generation known; presentation thread, and the owner's before the start."""
        for picture in self._evolution.pictures.kinds:
            self._hooks.announce(picture)

    def _over(self) -> bool:
        """Whether the end has come; tells it."""
        run, limit_s = self._evolution, self._evolution.settings.limits.max_duration_s
        if self.stopping or self._quit:
            return True
        if run.done:
            n = run.settings.n_generations
            self._hooks.tell(
                Finished(f"All {n} generations were scored." if n > 1 else "The one generation was scored.", False)
            )
            return True
        if self._clock() - self._started_at <= limit_s:
            return False
        self.halt()
        self._hooks.tell(
            Finished(f"The session lasted the {limit_s:g} s that are allowed; the state is kept.", fatal=False)
        )
        return True

    def _interrupted(self) -> bool:
        """Whether nothing may be on screen now; looks at the signal and at the clock."""
        self._watch_signal()
        too_long = self._clock() - self._started_at > self._evolution.settings.limits.max_duration_s
        return self.stopping or self._quit or self._paused or self._held or too_long

    def _watch_signal(self) -> None:
        """Hold the pictures while the signal is away; those whose trials are still to come are shown again."""
        fault = self._hooks.signal_fault()
        if bool(fault) == self._held:
            return
        self._held = bool(fault)
        if not fault:
            return
        with self._gate:
            self._blank()
        for showing in self._evolution.awaited:
            self._evolution.withdraw(showing.number, "the signal went away")
        self._hooks.tell(
            Problem(
                f"{fault}: pictures are held, and those whose trials were lost are shown again when samples arrive.",
                fatal=False,
            )
        )

    def _present(self) -> None:
        """The next picture, from before it is due until it leaves."""
        timing = self._timing
        ahead_s = min(_AHEAD_S, (timing.blank_s or timing.show_s) / 2)
        due_s = max(self._next_due, self._clock() + ahead_s)
        if not self._wait_until(due_s - ahead_s):
            return
        turn = self._ask(due_s)
        if turn is None or not self._await_painting(turn):
            return
        showing = turn.showing
        self._hooks.respond(showing)
        stayed = self._wait_until(turn.onset_s + timing.show_s) and (not self._rated or self._await_rating(turn))
        if not stayed:
            self._evolution.withdraw(showing.number, "it was taken from the screen too early")
        earliest_s = turn.onset_s + timing.soa_s
        if self._rated:
            earliest_s = max(earliest_s, self._clock() + timing.blank_s)
        self._next_due = earliest_s + timing.jitter_s * self._evolution.random_jitter()
        if timing.blank_s > 0 or self._evolution.upcoming is None:
            self._blank()

    def _ask(self, due_s: float) -> _Turn | None:
        """Hand the picture to the window, unless somebody has just said stop."""
        with self._gate:
            if self._interrupted():
                return None
            showing = self._evolution.take(due_s)
            turn = self._turn = _Turn(showing)
            self._hooks.tell(ShowPicture(showing.number, showing.picture, showing.due_s))
        return turn

    def _await_painting(self, turn: _Turn) -> bool:
        """Whether the picture came on screen; if not, it is next again."""
        showing = turn.showing
        while not turn.painted.is_set():
            late = self._clock() - showing.due_s > _PAINT_WITHIN_S
            if late or self._interrupted():
                with self._gate:
                    if turn.painted.is_set():
                        break
                    turn.void = True
                    self._blank()
                self._evolution.withdraw(showing.number, NEVER_PAINTED if late else "it was taken back unseen")
                if late:
                    self._never_painted()
                return False
            turn.painted.wait(_SLICE_S)
        return True

    def _never_painted(self) -> None:
        self._onsets.add_never()
        self._next_due = self._clock() + self._timing.soa_s
        if not self._told_unpainted:
            self._told_unpainted = True
            self._hooks.tell(
                Problem(
                    f"A picture was to be painted when it was due; the window did not paint it within {_PAINT_WITHIN_S:g} s. It "
                    "is shown again. Keep the stimulus window visible: not minimised, not covered.",
                    fatal=False,
                )
            )

    def _await_rating(self, turn: _Turn) -> bool:
        """Wait for the person; False if something else took the picture from the screen."""
        showing = turn.showing
        while self._evolution.awaits(showing.number):
            if self._interrupted():
                return False
            if self._clock() - turn.onset_s > self._patience_s:
                self._give_up(showing, f"no rating within {self._patience_s:g} s")
            self._evolution.wait(showing.number, _SLICE_S)
        return True

    def _await_responses(self) -> None:
        """Wait for the last trials; give up on those that can come no more."""
        if self._evolution.wait(None, _SLICE_S):
            return
        for showing in self._evolution.awaited:
            if self._clock() - showing.onset_s > self._patience_s:
                self._give_up(showing, f"no trial within {self._patience_s:g} s")

    def _give_up(self, showing: Showing, why: str) -> None:
        self._evolution.answer(showing.number, showing.picture.id, None, why)

    def _advance(self) -> bool:
        """Score the generation, keep it, and go on to the next one."""
        run = self._evolution
        result = run.advance()
        self._hooks.keep(result)
        self._hooks.tell(GenerationScored(result.generation))
        done = result.generation + 1
        self._hooks.tell(
            Progress(done, run.settings.n_generations, f"Generation {done} of {run.settings.n_generations}")
        )
        if not run.done:
            self.announce()
        return True

    def _wait_until(self, time_s: float) -> bool:
        """Sleep until `time_s`; False as soon as nothing may be on screen."""
        while not self._interrupted():
            left_s = time_s - self._clock()
            if left_s <= 0:
                return True
            self.pause(min(left_s, _SLICE_S))
        return False

    def _blank(self) -> None:
        self._hooks.tell(BlankPicture())
