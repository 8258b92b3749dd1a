"""The streams of the network as a list that lives: what is there, what was and has gone, and which of them was chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bci_app.engine.settings import StreamChoice
from bci_app.engine.worker import Worker
from bci_app.streams.lsl import Lookout
from bci_app.streams.source import StreamDescription

_MISSED = 2
"""Looks without an answer after which a stream has gone: one answer may get lost on its way."""
_KEPT = 100
"""Streams that have gone and are still listed, at most."""
LOOK_EVERY_S = 1.0


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
    """The rows, by name; any one thread."""

    def __init__(self) -> None:
        self.rows: tuple[StreamRow, ...] = ()

    def update(self, found: Sequence[StreamDescription]) -> tuple[StreamRow, ...]:
        """The rows after a look that found `found`: streams that did not answer stay, and have gone after the second."""
        now = {(*(row := StreamRow(each)).key, each.uid): row for each in found}
        answered = {row.key for row in now.values()}
        silent = [replace(row, missed=row.missed + 1) for row in self.rows if row.key not in answered]
        gone = sorted((row for row in silent if not row.there), key=lambda row: row.missed)[:_KEPT]
        kept = [*now.values(), *(row for row in silent if row.there), *gone]
        self.rows = tuple(sorted(kept, key=lambda row: (row.description.name, row.description.uid)))
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
    name, source = f"'{choice.name}'", f"source_id '{choice.source_id}'" if choice.source_id else "no source_id"
    match found.answer:
        case "there":
            return f"Stream {found.rows[0].description} is there."
        case "several":
            return f"{len(found.rows)} streams {name} with {source} answer, so none is taken. Stop all but one of their senders."
        case "other":
            others = "; ".join(str(row.description) for row in found.rows)
            return f"{name} with {source} was chosen and is not there. Of this name there is {others}: perhaps another device."
        case "absent":
            return f"Looking for {name} with {source}. Start its sender, or choose another stream: none is taken in its place."


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

    def step(self) -> bool:
        """Look once, then wait; worker's thread."""
        found = self._look()
        if not self.stopping:
            self._on_look(found)
        return not self.pause(LOOK_EVERY_S)
