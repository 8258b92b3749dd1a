"""One evolution without threads, clock or files: which picture is next, whose response came, the next generation."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from bci_app.contract.errors import SignalError
from bci_app.engine.evolution_history import GenerationResult, History
from bci_app.engine.evolution_pictures import (
    BLIND,
    DEAL,
    JITTER,
    NOISE,
    GenerationPictures,
    Image,
    Kind,
    draw_generation,
    presentation_order,
)
from bci_app.engine.evolution_settings import EvolutionSettings
from bci_app.engine.evolution_showing import Outcome, Showing
from bci_app.engine.evolution_views import Member, Numbers
from bci_app.evolution.scoring import join
from bci_app.evolution.space import SearchSpace
from bci_app.evolution.state import State
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture

_CONSTANT_IN_A_ROW = 2
"""Generations of equal responses after which an evolution ends: one may be chance, as of ratings or few spikes."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    picture: Picture
    kind: Kind
    repeat: int
    attempt: int = 0
    again: bool = False


class EvolutionRun:
    """The state machine of an evolution.

    Parameters
    ----------
    settings : EvolutionSettings
        What is to be done.
    generator : Generator
        Renders the codes.
    natural : tuple of Picture
        Reference pictures, the same in all generations, each id once.
    on_outcome : callable
        Takes the outcome of each presentation, in the thread that brings it.
    on_problem : callable
        Takes messages for the user.
    advice : str
        What to do about responses that never differ.
    state, history, counts, first_number
        Of an evolution that is resumed; the number that its first presentation gets.

    Notes
    -----
    Responses are taken by the number of the presentation and the id of its picture, never by order. One thread, the
    presenter's, calls `take`, `withdraw` and `advance`; all else may be called from any thread.
    """

    def __init__(
        self,
        settings: EvolutionSettings,
        generator: Generator,
        natural: tuple[Picture, ...] = (),
        on_outcome: Callable[[Outcome], None] = lambda outcome: None,
        on_problem: Callable[[str], None] = lambda message: None,
        advice: str = "",
        *,
        state: State | None = None,
        history: History | None = None,
        counts: Mapping[str, int] | None = None,
        first_number: int = 0,
    ) -> None:
        self.settings = settings
        self.history = history or History()
        self.is_sham = is_sham(settings)
        self._optimiser = settings.optimiser
        self._generator = generator
        self._natural = natural
        self._on_outcome = on_outcome
        self._on_problem = on_problem
        self._advice = advice
        self._lock = threading.Condition()
        self._next_number = first_number
        self._counts: Counter[str] = Counter(counts)
        self._reasons: Counter[str] = Counter()
        self._n_constant = 0
        self._queue: deque[_Wanted] = deque()
        self._open: dict[int, Showing] = {}
        self._responses: list[tuple[str, float]] = []
        self.state = state or self._optimiser.start(SearchSpace.of(generator.latent_space), settings.seed)
        self.estimate: Image | None = None
        self._pictures = self._draw(self.state)
        self._enter(self.state, self._pictures)
        if self.history.results:
            self.estimate = self._render_estimate(self.state)

    # -- what is shown -----------------------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Whether all generations are scored."""
        return self.state.generation >= self.settings.n_generations

    @property
    def pictures(self) -> GenerationPictures:
        """Those of the generation on show."""
        return self._pictures

    @property
    def upcoming(self) -> Picture | None:
        """The picture that `take` would give; None while responses are awaited, or when the generation is complete."""
        with self._lock:
            return self._queue[0].picture if self._queue else None

    @property
    def complete(self) -> bool:
        """Whether the generation needs nothing more."""
        with self._lock:
            return not self._queue and not self._open

    def take(self, due_s: float) -> Showing:
        """The next presentation, which is to be on screen at `due_s`; its response is awaited from now on."""
        with self._lock:
            wanted = self._queue.popleft()
            showing = Showing(
                self._next_number,
                self.state.generation,
                wanted.picture,
                wanted.kind,
                wanted.repeat,
                wanted.attempt,
                wanted.again,
                due_s,
            )
            self._next_number += 1
            self._open[showing.number] = showing
            return showing

    def shown(self, number: int, at_s: float) -> None:
        """The picture of presentation `number` came on screen at `at_s`."""
        with self._lock:
            if number in self._open:
                self._open[number] = replace(self._open[number], onset_s=at_s)
                self._counts["shown"] += 1
                self._counts["shown_again"] += self._open[number].again

    def withdraw(self, number: int, why: str) -> None:
        """Presentation `number` is void, through no fault of its response: it comes again at no charge.

        Next, if nobody saw it; else after all others.
        """
        with self._lock:
            showing = self._open.pop(number, None)
            if showing is None:
                return
            if np.isnan(showing.onset_s):
                self._queue.appendleft(
                    _Wanted(showing.picture, showing.kind, showing.repeat, showing.attempt, showing.again)
                )
            else:
                self._want_again(showing, showing.attempt)
            outcome = self._noted(Outcome(showing, None, why))
        self._on_outcome(outcome)

    # -- what came of it ---------------------------------------------------------------------------------------------

    def answer(
        self, number: int, picture_id: str, value: float | None, why: str = "", *, rejected: bool = False
    ) -> bool:
        """The response to presentation `number` of the picture `picture_id`; None if there is none, and `why`.

        Returns
        -------
        bool
            Whether it was awaited; another one counts for nothing.
        """
        if value is not None and not np.isfinite(value):
            value, why = None, "the response was not a finite number"
        with self._lock:
            showing = self._open.get(number)
            if showing is None or showing.picture.id != picture_id:
                return False
            del self._open[number]
            if value is not None:
                self._responses.append((picture_id, float(value)))
            elif showing.attempt < self.settings.shown_again:
                self._want_again(showing, showing.attempt + 1)
            outcome = self._noted(Outcome(showing, value, why, rejected))
        self._on_outcome(outcome)
        return True

    def awaits(self, number: int) -> bool:
        """Whether the response to presentation `number` is still to come."""
        with self._lock:
            return number in self._open

    @property
    def awaited(self) -> tuple[Showing, ...]:
        """Presentations whose response is still to come."""
        with self._lock:
            return tuple(self._open.values())

    def wait(self, number: int | None, timeout_s: float) -> bool:
        """Whether the response to `number`, or to all presentations, came within `timeout_s`; waits for it."""
        with self._lock:
            return self._lock.wait_for(
                lambda: not self._open if number is None else number not in self._open, timeout_s
            )

    def members(self) -> tuple[Member, ...]:
        """Pictures of the generation on show with their responses so far."""
        with self._lock:
            pictures, responses = self._pictures, list(self._responses)
        return _members(pictures, responses)

    @property
    def counts(self) -> dict[str, int]:
        """Presentations ``shown``, ``answered``, ``rejected``, ``missing`` and ``shown_again``, of the whole run."""
        with self._lock:
            return {name: self._counts[name] for name in ("shown", "answered", "rejected", "missing", "shown_again")}

    @property
    def progress(self) -> tuple[int, int]:
        """Presentations of this generation that need nothing more, and how many there are to be at the least."""
        with self._lock:
            total = len(self._pictures.kinds) * self.settings.repeats
            return total - len(self._queue) - len(self._open), total

    # -- the next generation -----------------------------------------------------------------------------------------

    def advance(self) -> GenerationResult:
        """Tell the optimiser the scores of a complete generation, and begin the next one.

        Raises
        ------
        SignalError
            If there is no score to go on with: none came, or again all are the same.
        """
        pictures, members = self._pictures, self.members()
        n = len(pictures.evolved)
        scores = np.array([member.score for member in members], np.float64)
        evolved = scores[:n]
        self._check(evolved)
        following = self._optimiser.tell(self.state, self._dealt(evolved))
        result = GenerationResult(
            self.state.generation,
            evolved,
            {member.id: member.score for member in members if member.kind == "natural"},
            scores[n + len(pictures.natural) :],
            members[int(np.nanargmax(evolved))],
            pictures.average,
        )
        estimate = self._render_estimate(following)
        after = pictures if following.generation >= self.settings.n_generations else self._draw(following)
        with self._lock:
            self.history.add(result)
            self.estimate = estimate
            self._enter(following, after)
        return result

    def random_noise(self, showing: Showing) -> np.random.Generator:
        """Random numbers for the noise of one presentation: a function of seed, generation, picture and repeat."""
        index = list(self._pictures.kinds).index(showing.picture)
        return np.random.default_rng(
            [self.settings.seed, showing.generation, NOISE, index, showing.repeat, showing.attempt]
        )

    def random_jitter(self) -> float:
        """A number from 0 to 1; the sequence is a function of seed and generation."""
        return float(self._jitter.random())

    def _draw(self, state: State) -> GenerationPictures:
        return draw_generation(state, self._generator, self._natural, self.settings.references.n_prior)

    def _render_estimate(self, state: State) -> Image:
        image: Image = self._generator.generate(self._optimiser.estimate(state)[np.newaxis])[0]
        return image

    def _enter(self, state: State, pictures: GenerationPictures) -> None:
        """Stand before the first presentation of `state`'s generation; after the last one, its pictures stay on view."""
        self.state = state
        self._jitter = state.random(JITTER)
        if self.done:
            return
        self._pictures, self._responses = pictures, []
        self._reasons.clear()
        kinds = list(pictures.kinds.items())
        for repeat, index in presentation_order(state, len(kinds), self.settings.repeats):
            self._queue.append(_Wanted(*kinds[index], repeat))

    def _want_again(self, showing: Showing, attempt: int) -> None:
        self._queue.append(_Wanted(showing.picture, showing.kind, showing.repeat, attempt, again=True))

    def _noted(self, outcome: Outcome) -> Outcome:
        """Count it, and wake those who wait for it."""
        self._counts[outcome.became] += 1
        if outcome.response is None:
            self._reasons[outcome.why] += 1
        self._lock.notify_all()
        return outcome

    def _dealt(self, scores: Numbers) -> Numbers:
        """What the optimiser is told: the scores, or in a sham the same ones dealt to the pictures at random."""
        return self.state.random(DEAL).permutation(scores) if self.is_sham else scores

    def _check(self, scores: Numbers) -> None:
        """Raise SignalError if the optimiser cannot go on with these scores; warn once before."""
        came = scores[~np.isnan(scores)]
        which = f"generation {self.state.generation}"
        if came.size == 0:
            reason, times = (self._reasons.most_common(1) or [("no reason is known", 0)])[0]
            raise SignalError(
                f"At least one of the {scores.size} evolved pictures of {which} needs a response; none came, most often "
                f"because {reason} ({times} times). The state is kept: mend it, then resume."
            )
        if came.size < 2 or np.ptp(came) > 0:
            self._n_constant = 0
            return
        self._n_constant += 1
        told = (
            f"The {came.size} responses to the evolved pictures of {which} are all exactly {came[0]:g}; they were expected to "
            f"differ. {self._advice}"
        )
        if self._n_constant >= _CONSTANT_IN_A_ROW:
            raise SignalError(f"{told} It is the second generation in a row, so the evolution ends; the state is kept.")
        self._on_problem(f"{told} If those of the next generation are equal as well, the evolution ends.")


def is_sham(settings: EvolutionSettings) -> bool:
    """Whether scores are dealt at random; a blind evolution draws it from its seed."""
    coin = np.random.default_rng([settings.seed, 0, BLIND]).random() < 0.5
    return settings.sham == "on" or (settings.sham == "blind" and bool(coin))


def _members(pictures: GenerationPictures, responses: list[tuple[str, float]]) -> tuple[Member, ...]:
    kinds = pictures.kinds
    joined = join([picture.id for picture in kinds], responses)
    return tuple(
        Member(picture.id, picture.image, float(score), int(n), kind)
        for (picture, kind), score, n in zip(kinds.items(), joined.scores, joined.n_came, strict=True)
    )
