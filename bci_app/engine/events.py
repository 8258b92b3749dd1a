"""Rare facts that the engine tells whoever listens; floods (traces, pictures) are pulled instead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.engine.nearest import Nearest
from bci_app.pictures.picture import Picture
from bci_app.streams.source import StreamState


@dataclass(frozen=True, slots=True)
class StreamChanged:
    """The stream of the signal is in another state; `message` says it in plain words."""

    state: StreamState
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class ShowPicture:
    """`picture` is to be painted at `due_s` (LSL seconds), or at once if that is past; whoever paints it answers with
    ``session.picture_shown``."""

    trial: int
    picture: Picture
    due_s: float = 0.0


@dataclass(frozen=True, slots=True)
class BlankPicture:
    """The stimulus area is to become mid grey, at once; a picture that waits to be painted is not painted any more."""


@dataclass(frozen=True, slots=True)
class Break:
    """The participant rests for `seconds`; 0 says that the break is over."""

    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class TrialRead:
    """A trial has been read: `image` uint8 (h, w, 3); `identified` is its pairwise score, NaN for the first; `nearest`, the
    pictures of the session so far that fit it best."""

    trial: int
    picture: Picture
    image: NDArray[np.uint8]
    identified: float
    nearest: Nearest | None = None


@dataclass(frozen=True, slots=True)
class ModelsChanged:
    """Other models read from now on: `name` with their digests; opened and verified at `ready_s`, in use since
    `changed_s` (LSL seconds)."""

    name: str
    ready_s: float
    changed_s: float


@dataclass(frozen=True, slots=True)
class ModelsRefused:
    """Models that were asked for do not take over, those in use go on; `reason` in plain words."""

    reason: str


@dataclass(frozen=True, slots=True)
class RatingWanted:
    """The picture of `trial` waits for a rating from 1 to `steps`: ``session.rate(trial, value)``."""

    trial: int
    steps: int


@dataclass(frozen=True, slots=True)
class GenerationScored:
    """All pictures of a generation have their scores, and the state is written."""

    generation: int


@dataclass(frozen=True, slots=True)
class SentenceShown:
    """Sentence `number` has begun; `text` is what its marker says of it, often nothing."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class WordShown:
    """A word of sentence `number` has appeared; empty if its marker does not say which."""

    number: int
    word: str


@dataclass(frozen=True, slots=True)
class WordRead:
    """A word more of sentence `number` is read: `text` so far, and how many words that makes.

    LSL seconds: `sampled_s` and `arrived_s`, the last sample was taken and was in hand; `complete_s`, the last marker as
    well; `cut_s`, reading began; `read_s`, the word was out.
    """

    number: int
    text: str
    n_words: int
    sampled_s: float
    arrived_s: float
    complete_s: float
    cut_s: float
    read_s: float


@dataclass(frozen=True, slots=True)
class SentenceRead:
    """Sentence `number` is read; `shown` is empty where markers do not tell, `n_words` are marked in it, `noise` is what the
    same model reads from matched noise, None as long as it has not; `known`, whether the
    model was trained on what was shown."""

    number: int
    shown: str
    n_words: int
    read: str
    noise: str | None = None
    known: bool = False


@dataclass(frozen=True, slots=True)
class SentenceNotRead:
    """Sentence `number` could not be read; `reason` in plain words."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something went wrong; a fatal one ends the session."""

    message: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` steps of what `text` names."""

    done: int
    total: int
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The session came to its end; `reason` in plain words."""

    reason: str
    fatal: bool


Event = (
    StreamChanged
    | ShowPicture
    | BlankPicture
    | Break
    | TrialRead
    | ModelsChanged
    | ModelsRefused
    | RatingWanted
    | GenerationScored
    | SentenceShown
    | WordShown
    | WordRead
    | SentenceRead
    | SentenceNotRead
    | Problem
    | Progress
    | Finished
)
