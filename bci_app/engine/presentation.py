"""The trial clock: which picture when, and whose turn it is while the stream is away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bci_app.engine.events import BlankPicture, Event, Finished, Problem, Progress, ShowPicture
from bci_app.engine.live_image import Shown
from bci_app.engine.settings import Presentation
from bci_app.engine.worker import Worker
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture

_PAINT_WITHIN_S = 2.0
_TRIAL_WITHIN_S = 10.0


@dataclass
class _Turn:
    shown: Shown
    painted: threading.Event


class Presenter(Worker):
    """Shows one picture after another until enough of them have been read.

    A picture's onset is what the window reports, not when this thread asked for it. While the stream is stale or
    lost nothing is shown; a picture whose trial was dropped is followed by another one, so that the session ends
    with the number of trials asked for.

    Parameters
    ----------
    settings : Presentation
        How many, how fast.
    pictures : iterator of Picture
        As many as are needed.
    generator : Generator
        Its encoder gives the latent that a trial is scored against.
    emit : callable
        Takes events; called in this thread.
    announce : callable
        Sends a picture to the simulated participant, before it is shown; this thread.
    on_onset : callable
        Takes (shown, onset in LSL seconds); called in the thread that painted.
    clock : callable
        LSL seconds.
    patience_s : float
        How long after the last picture its trial may still come; longer than a trial.
    """

    def __init__(
        self,
        settings: Presentation,
        pictures: Iterator[Picture],
        generator: Generator,
        emit: Callable[[Event], None],
        announce: Callable[[Picture], None],
        on_onset: Callable[[Shown, float], None],
        on_failure: Callable[[str], None],
        clock: Callable[[], float],
        patience_s: float = _TRIAL_WITHIN_S,
    ) -> None:
        super().__init__("presentation", on_failure)
        self._settings = settings
        self._pictures = pictures
        self._generator = generator
        self._emit = emit
        self._announce = announce
        self._on_onset = on_onset
        self._clock = clock
        self._turn: _Turn | None = None
        self._next_onset = clock() + 1.0
        self._n_shown = 0
        self._n_read = 0
        self._open: set[int] = set()
        self._patience_s = patience_s
        self._told_unpainted = False
        self._changed = threading.Condition()
        self._holding = threading.Event()

    def hold(self, hold: bool) -> None:
        """Show nothing until called again with False: the stream is away. Any thread."""
        (self._holding.set if hold else self._holding.clear)()

    @property
    def n_read(self) -> int:
        """Trials read so far; any thread."""
        return self._n_read

    @property
    def text(self) -> str:
        """Where the session stands, in plain words; any thread."""
        return f"Trial {self._n_read} of {self._settings.n_trials}"

    def painted(self, trial: int, at_s: float) -> None:
        """The picture of `trial` is on screen since `at_s`; GUI thread."""
        turn = self._turn
        if turn is None or turn.shown.trial != trial or turn.painted.is_set():
            return
        with self._changed:
            self._open.add(trial)
        self._on_onset(turn.shown, at_s)
        turn.painted.set()

    def trial_done(self, trial: int, read: bool) -> None:
        """`trial` was read, or dropped; decoding thread."""
        with self._changed:
            if trial not in self._open:  # given up before; another one was shown in its place
                return
            self._open.discard(trial)
            self._n_read += read
            self._changed.notify_all()
        self._emit(Progress(self._n_read, self._settings.n_trials, self.text))

    def step(self) -> bool:
        """One trial, or the end; presentation thread."""
        if self._n_read + len(self._open) >= self._settings.n_trials:
            return self._wait_for_trials()
        if self._holding.is_set():
            self._next_onset = self._clock() + 1.0
            return not self.pause(0.1)
        shown = self._prepare()
        if self.pause(self._next_onset - self._clock()) or self._holding.is_set():
            return not self.stopping
        self._show(shown)
        return not self.stopping

    def _prepare(self) -> Shown:
        """The next picture with its latent, known to the participant before it is needed."""
        picture = next(self._pictures)
        self._announce(picture)
        return Shown(self._n_shown, picture, self._generator.encode(picture.image[None])[0])

    def _show(self, shown: Shown) -> None:
        turn = self._turn = _Turn(shown, threading.Event())
        asked = self._clock()
        self._n_shown += 1
        self._emit(ShowPicture(shown.trial, shown.picture))
        while not turn.painted.wait(0.05):
            if self.stopping:
                return
            if self._clock() - asked > _PAINT_WITHIN_S:
                self._give_up_on_painting()
                return
        onset = self._clock()
        self._next_onset = max(self._next_onset, onset - 0.1) + self._settings.soa_s
        self.pause(self._settings.show_s - (self._clock() - onset))
        if self._n_read + len(self._open) < self._settings.n_trials:  # the last one stays, beside what was read from it
            self._emit(BlankPicture())

    def _give_up_on_painting(self) -> None:
        """Nobody saw the picture: it counts for nothing, another one follows."""
        self._turn = None
        self._next_onset = self._clock() + self._settings.soa_s
        self._emit(BlankPicture())
        if not self._told_unpainted:
            self._told_unpainted = True
            self._emit(
                Problem(
                    f"A picture was to be painted at once; the window did not paint it within {_PAINT_WITHIN_S:g} s, so it "
                    "is not counted. Keep the window visible: not minimised, not covered.",
                    fatal=False,
                )
            )

    def _wait_for_trials(self) -> bool:
        """After the last picture: until its trial came, or cannot come any more."""
        with self._changed:
            came = self._changed.wait_for(lambda: not self._open, timeout=0.2)
        if not came:
            if self._clock() - self._next_onset > self._patience_s:
                with self._changed:
                    self._open.clear()
            return not self.stopping
        if self._n_read < self._settings.n_trials:
            return True
        self._emit(Finished(f"All {self._settings.n_trials} trials were read.", fatal=False))
        return False
