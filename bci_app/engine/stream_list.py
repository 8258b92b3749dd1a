"""The streams of the network as a list that lives: what is there, what was and has gone, and which of them was chosen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bci_app.engine.settings import StreamChoice
from bci_app.engine.worker import Worker
from bci_app.streams.lsl import Lookout
from bci_app.streams.source import StreamDescription, short

_MISSED = 2
"""Looks without an answer after which a stream has gone: one answer may get lost on its way."""
_KEPT = 20
"""Streams that have gone and are still listed, at most."""
LONGEST_CHANNEL = 16
"""Letters of a channel's name that are written in a sentence."""
_NAMED = 4
"""Channels that are named in a sentence."""
ANYONE = "Without a source_id nobody can tell whether it is the same device: look whether it is."
"""Of a stream that says nothing by which it could be known again."""
LOOK_EVERY_S, LOOK_SELDOM_S = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One stream: what it says of itself, how many looks it has not answered, and whether it has gone."""

    description: StreamDescription
    missed: int = 0

    @property
    def there(self) -> bool:
        """Whether it still answers."""
        return self.missed < _MISSED

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays when its sender starts again; of streams without a source_id nothing does."""
        told = self.description
        return told.name, told.source_id, told.hostname if told.source_id else told.uid


class StreamList:
    """The rows, by name, those that have gone below; any one thread."""

    def __init__(self) -> None:
        self.rows: tuple[StreamRow, ...] = ()

    def update(self, found: Sequence[StreamDescription], unlisted: Collection[str] = ()) -> tuple[StreamRow, ...]:
        """The rows after a look that found `found`: streams that did not answer stay, and have gone after the second.

        Those that have gone and whose source_id begins with one of `unlisted` are let go of: their end was wanted.
        """
        now = {(*(row := StreamRow(each)).key, each.uid): row for each in found}
        answered = {row.key for row in now.values()}
        silent = [replace(row, missed=row.missed + 1) for row in self.rows if row.key not in answered]
        ended = [row for row in silent if not row.there and not row.description.source_id.startswith(tuple(unlisted))]
        gone = sorted(ended, key=lambda row: row.missed)[:_KEPT]
        kept = [*now.values(), *(row for row in silent if row.there), *gone]
        self.rows = tuple(sorted(kept, key=lambda row: (not row.there, row.description.name, row.description.uid)))
        return self.rows


Answer = Literal["there", "several", "other", "absent"]


@dataclass(frozen=True, slots=True)
class Match:
    """Which of the rows was chosen.

    Attributes
    ----------
    answer : {"there", "several", "other", "absent"}
        ``other``: streams of the same name are there, but none with the source_id of the one that was chosen.
    rows : tuple of StreamRow
        The one that is there, or all that might be meant.
    """

    answer: Answer
    rows: tuple[StreamRow, ...] = ()


def match(choice: StreamChoice, rows: Sequence[StreamRow]) -> Match:
    """Which of `rows` is the stream that was chosen by name and source_id."""
    named = tuple(row for row in rows if row.there and row.description.name == choice.name)
    same = tuple(row for row in named if row.description.source_id == (choice.source_id or ""))
    if len(same) == 1:
        return Match("there", same)
    if same:
        return Match("several", same)
    return Match("other", named) if named else Match("absent")


def told(choice: StreamChoice, found: Match) -> str:
    """In words, whether the stream that was chosen is there, and what can be done if not."""
    name, source = f"'{short(choice.name or '')}'", "no source_id"
    if choice.source_id:
        source = f"source_id '{short(choice.source_id)}'"
    match found.answer:
        case "there":
            return f"{name} is there: {in_short(found.rows[0].description)}."
        case "several":
            return f"{len(found.rows)} streams {name} with {source} answer, so none is taken. Stop all but one of their senders."
        case "other":
            others = "; ".join(
                f"{in_short(row.description)}, source_id '{short(row.description.source_id)}'" for row in found.rows[:3]
            )
            return f"{name} with {source} was chosen and is not there. Of this name there is {others}: perhaps another device."
        case "absent":
            return f"Looking for {name} with {source}. Start its sender, or choose another stream: none is taken in its place."


class Fate:
    """What becomes of the stream that was chosen: each turn is said once; any one thread."""

    def __init__(self) -> None:
        self._chosen: tuple[str | None, str | None] | None = None
        self._known: StreamDescription | None = None
        self._lost = False

    def tell(self, choice: StreamChoice, found: StreamDescription | None) -> tuple[str, bool] | None:
        """What is to be said after a look that `found` the stream or did not, and whether all is well; None if nothing is."""
        if self._chosen != (choice.name, choice.source_id):
            self._chosen, self._known, self._lost = (choice.name, choice.source_id), None, False
        before, self._known = self._known, found or self._known
        lost, self._lost = self._lost, before is not None and found is None
        if before is None or (lost and found is None):
            return None
        if found is None:
            again = "It is taken again when it returns; no other is taken in its place." if before.source_id else ANYONE
            return f"Stream '{short(before.name)}' answers no more. {again}", False
        return _return_of(before, found, lost)


def _return_of(before: StreamDescription, now: StreamDescription, lost: bool) -> tuple[str, bool] | None:
    """What is to be said of a stream that answers, and whether all is well."""
    named = f"Stream '{short(now.name)}'"
    if before.uid != now.uid and (different := _differences(before, now)):
        return f"{named} is back with {different}. Check that it is set as it was.", False
    if before.uid != now.uid and not now.source_id:
        return (
            f"{named} answers again, from {short(now.hostname)}; before from {short(before.hostname)}. {ANYONE}",
            False,
        )
    return (f"{named} is back.", True) if lost else None


def _differences(before: StreamDescription, now: StreamDescription) -> str:
    """What a stream says otherwise than before, in words; empty if it only started again."""
    told = []
    if (before.channels, before.n_channels) != (now.channels, now.n_channels):
        told.append(f"other channels ({_channels(now)}; before {_channels(before)})")
    if before.sfreq != now.sfreq:
        told.append(f"another rate ({now.sfreq:g} Hz; before {before.sfreq:g} Hz)")
    if before.unit != now.unit:
        told.append(f"another unit ({short(now.unit) or 'none'}; before {short(before.unit) or 'none'})")
    return ", ".join(told)


def _channels(description: StreamDescription) -> str:
    named = description.channels[:_NAMED]
    n_more = description.n_channels - len(named)
    listed = ", ".join(short(name, LONGEST_CHANNEL) for name in named) or "none named"
    return f"{listed} and {n_more} more" if named and n_more > 0 else listed


def in_short(description: StreamDescription) -> str:
    """What a stream is, in a few words: channels, rate and the machine that it comes from."""
    count = f"{description.n_channels} channel{'s' if description.n_channels != 1 else ''}"
    rate = f"at {description.sfreq:g} Hz" if description.sfreq else "at no fixed rate"
    what = "text" if description.text else f"{count} {rate}"
    return f"{short(description.type) or 'no type'}, {what}, from {short(description.hostname)}"


def choice_of(description: StreamDescription, before: StreamChoice | None = None) -> StreamChoice:
    """The choice of a stream, with the marker stream that was chosen `before`; a unit declared before is for that one alone."""
    same = before is not None and (before.name, before.source_id or "") == (description.name, description.source_id)
    return StreamChoice(
        name=description.name,
        source_id=description.source_id or None,
        markers=None if before is None else before.markers,
        unit=before.unit if before is not None and same else None,
    )


class StreamWatch(Worker):
    """Looks at the network again and again until it is stopped.

    Parameters
    ----------
    on_look : callable
        Takes the streams of each look; worker's thread.
    on_failure : callable
        Takes a message if looking fails for good.
    look : callable, optional
        Gives all streams that answer now; by default a `Lookout` of its own does.

    Attributes
    ----------
    every_s : float
        How long it waits between two looks; any thread may change it.
    """

    def __init__(
        self,
        on_look: Callable[[tuple[StreamDescription, ...]], None],
        on_failure: Callable[[str], None],
        look: Callable[[], tuple[StreamDescription, ...]] | None = None,
    ) -> None:
        super().__init__("stream watch", on_failure)
        self._on_look = on_look
        self._look = look or Lookout().look
        self.every_s = LOOK_EVERY_S
        self._woken = threading.Event()

    def look_now(self) -> None:
        """Wait no longer for the next look; any thread."""
        self._woken.set()

    def stop(self) -> None:
        """Tell the worker to stop, without waiting; any thread."""
        super().stop()
        self._woken.set()

    def step(self) -> bool:
        """Look once, then wait; worker's thread."""
        found = self._look()
        if not self.stopping:
            self._on_look(found)
        self._woken.wait(self.every_s)
        self._woken.clear()
        return not self.stopping
