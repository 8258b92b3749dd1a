"""Connect: who is recorded, from which of the streams on the network, and where the channels sit."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from bci_app.contract.errors import BciError
from bci_app.engine.participant_code import warning
from bci_app.engine.stream_list import (
    LONGEST_CHANNEL,
    LOOK_EVERY_S,
    LOOK_SELDOM_S,
    Fate,
    Match,
    StreamList,
    StreamRow,
    StreamWatch,
    choice_of,
    in_short,
    match,
    told,
)
from bci_app.streams.lsl import Lookout
from bci_app.streams.source import short
from bci_app.ui import theme
from bci_app.ui.background import OnProgress, Task
from bci_app.ui.pages.page import Holder, Page
from bci_app.ui.pages.starting import UNITS, StartBox
from bci_app.ui.session_window import splitter
from bci_app.ui.views.fields import choice_field
from bci_app.ui.views.montage import MontageView
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.question import Question
from bci_app.ui.views.status import Sign
from bci_app.ui.views.stream_table import StreamTable
from bci_app.ui.views.text import PlainLabel

if TYPE_CHECKING:
    from bci_app.engine.electrodes import ElectrodeMap
    from bci_app.streams.source import StreamDescription

logger = logging.getLogger(__name__)

NOTHING_CHOSEN = "No stream is chosen yet. Choose one with Enter."
NAMELESS = "The sender names no channels, so they are called 1, 2, 3 … and have no places on the head."
NOBODY = "No stream answers. Start the amplifier's LSL sender, or a simulated participant below."
OWN = "The stream that was started here is being made ready."
OWN_OVER = "The stream that was started here has come to its end. Start one again below, or choose another."
_NAMED = 20
_LAST_S = 1.0
"""How long the end of the program waits for a look at the network."""

Look = Callable[[], "tuple[StreamDescription, ...]"]


class ConnectPage(Page):
    """A list of streams that lives, the one that is chosen, and its channels on the head.

    It looks at the network each second while it is in front or the chosen stream is not there, else every five seconds.

    Parameters
    ----------
    holder : Holder
        The workplace.
    look : callable, optional
        Gives all streams that answer now; called in a thread of its own.
    """

    title = "Connect"
    hint = "Enter chooses the stream under the cursor, or the markers · Tab goes on · no other stream is ever taken in its place"

    _looked = Signal(object)
    _watch_failed = Signal(str)

    def __init__(self, holder: Holder, look: Look | None = None) -> None:
        super().__init__(holder)
        self._look = look or Lookout().look  # outlives the watches, so that no outlet is asked twice
        self._streams = StreamList()
        self._watch: StreamWatch | None = None
        self._mapping: Task | None = None
        self._threads: list[StreamWatch | Task] = []
        self._mapped: tuple[str, ...] | None = None
        self._places: dict[str, tuple[float, float]] = {}
        self._in_front = False
        self._closed = False
        self._answered = ""
        self._doubtful = True  # whether the chosen stream is there
        self._fate = Fate()
        self._own = {"replay-"}  # how the source_ids begin of what was started here, or given up while it started
        self._make_widgets()
        self._lay_out()
        self._connect()
        self._show_choice()

    # ------------------------------------------------------------------ building
    def _make_widgets(self) -> None:
        colours, current = self.holder.colours, self.holder.current
        self.code = QLineEdit(current.participant)
        self.code.setPlaceholderText("a code such as P07, no name")
        self.code.setFixedWidth(300)
        self.code.setAccessibleName("Participant's code")
        self.table = StreamTable(colours)
        self.sign = Sign(colours)
        self.state = PlainLabel(NOBODY, wrap=True)
        self.question = Question(colours)
        self.montage = MontageView(colours)
        self.unplaced = PlainLabel("", points=theme.SMALL_PT, muted=True, wrap=True)
        self.unit = choice_field("Unit", UNITS, None if current.stream is None else current.stream.unit)
        self.starting = StartBox(self.holder)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP_PX)
        layout.addLayout(_row(_named("&Participant", self.code), self.code, _named("&Unit", self.unit), self.unit))
        layout.addWidget(self.question)
        head = QWidget()
        column = QVBoxLayout(head)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.montage, 1)
        column.addWidget(self.unplaced)
        streams = QWidget()
        column = QVBoxLayout(streams)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table, 1)
        state = QHBoxLayout()
        state.setSpacing(theme.GAP_PX)
        state.addWidget(self.sign)
        state.addWidget(self.state, 1)
        column.addLayout(state)
        self.streams_panel = Panel("Streams on the network", streams)
        self.channels_panel = Panel("Channels", head)
        body = splitter(Qt.Orientation.Horizontal, (self.streams_panel, 66), (self.channels_panel, 34))
        layout.addWidget(body, 1)
        layout.addWidget(Panel("Streams of this program", self.starting))

    def _connect(self) -> None:
        self._looked.connect(self._on_look, Qt.ConnectionType.QueuedConnection)
        self._watch_failed.connect(self._on_watch_failed, Qt.ConnectionType.QueuedConnection)
        self.holder.changed.connect(self._show_choice)
        self.table.picked.connect(self._pick)
        self.code.editingFinished.connect(self._take_code)
        self.unit.activated.connect(self._take_unit)
        self.starting.said.connect(self.said)

    # ------------------------------------------------------------------ the page's life
    def entered(self) -> None:
        """Look at the network again and again."""
        self._in_front = True
        self.starting.look_again()
        self._begin_watch()
        self._hurry()
        holder, current = self.holder, self.holder.current
        needed = current.stream is not None and holder.reads_own_sender() is None and not current.participant
        (self.code if needed else self.table).setFocus()

    def left(self) -> None:
        """Look seldom, as soon as the chosen stream has been found."""
        self._in_front = False
        self._hurry()

    def close_page(self) -> None:
        """End the watch; what was started here belongs to the workplace."""
        if self._closed:
            return
        self._closed = True
        self.holder.changed.disconnect(self._show_choice)
        self._end_watch()
        if self._mapping is not None:
            self._mapping.cancel()
        self.starting.close_box()

    def finish(self) -> None:
        """Wait for the threads that were told to end."""
        for thread in self._threads:
            thread.join(_LAST_S)
        self.starting.finish()

    def _begin_watch(self) -> None:
        if self._watch is None:
            self._watch = watch = StreamWatch(self._looked.emit, self._watch_failed.emit, self._look)
            self._threads = [*(thread for thread in self._threads if not thread.join(0.0)), watch]
            self._hurry()
            watch.start()

    def _end_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()

    def _hurry(self) -> None:
        """Look often or seldom: where all is well that may be told a little later."""
        often = self._in_front or (self._doubtful and self.holder.current.stream is not None)
        if (watch := self._watch) is not None:
            before, watch.every_s = watch.every_s, LOOK_EVERY_S if often else LOOK_SELDOM_S
            if watch.every_s < before:
                watch.look_now()

    # ------------------------------------------------------------------ what comes from outside
    def _on_look(self, found: tuple[StreamDescription, ...]) -> None:
        if self._watch is None:
            return
        if self.holder.own_sender is not None and self.holder.own_sender.stream.source_id:
            self._own.add(self.holder.own_sender.stream.source_id)
        self._streams.update(found, self._own)
        self.starting.look_after()
        self._show_choice()
        self._tell_fate()
        self._hurry()

    def _tell_fate(self) -> None:
        """Say what became of the chosen stream, unless a session that reads it says so, or its end was wanted."""
        choice = self.holder.current.stream
        fate = None if choice is None else self._fate.tell(choice, self.holder.found)
        if fate is not None and self._in_front and self.holder.reads_own_sender() is None:
            words, well = fate
            self.said.emit(words, "info" if well else "warn")

    def _on_watch_failed(self, words: str) -> None:
        self._watch = None  # coming back to the page begins anew
        self.said.emit(words, "warn")

    def _show_choice(self) -> None:
        """Table, sentence, question and montage, from the streams that are there and the one that was chosen."""
        choice, rows = self.holder.current.stream, self._streams.rows
        self.starting.look_again()
        if choice is None:
            self.holder.found = None
            self.table.show_rows(rows, None, None)
            self._say_state(NOTHING_CHOSEN if rows else NOBODY, ok=False)
            self.question.clear()
            self._map(())
            return
        answer = match(choice, rows)
        row = answer.rows[0] if answer.answer == "there" else None
        self.holder.found = None if row is None else row.description
        self._doubtful = row is None or row.missed > 0
        self.table.show_rows(rows, row, choice.markers)
        self._ask(answer)
        asked = f"'{short(choice.name or '')}' with the source_id that was chosen is not there."
        words = asked if self.question.text else told(choice, answer)
        own = row is None and self.holder.reads_own_sender() is not None
        self._say_state((OWN_OVER if self.starting.over else OWN) if own else words, ok=row is not None)
        if row is None:
            self._begin_watch()
        else:
            self._map(row.description.channels)
            self.montage.show_places(self._places, self.holder.current.bad)

    def _say_state(self, words: str, *, ok: bool) -> None:
        self.state.setText(words)
        self.sign.set_level("good" if ok else "warn")
        stream = self.holder.current.stream
        name = "none chosen" if stream is None else short(stream.name or stream.source_id or "")
        self.holder.stream_told.emit(name if ok or stream is None else f"{name} is not there", ok)

    def _ask(self, answer: Match) -> None:
        if answer.answer != "other" or len(answer.rows) != 1:
            self._answered = ""
            self.question.clear()
            return
        row = answer.rows[0]
        words = f"{told(self.holder.stream(), answer)} Is it the one to read?"
        if words != self._answered:
            answers = (
                ("Use this stream", lambda: self._choose(row)),
                ("Wait for the other", lambda: self._wait(words)),
            )
            self.question.ask(words, answers)

    def _wait(self, words: str) -> None:
        """The question was answered; it is not asked again while nothing changes."""
        self._answered = words

    # ------------------------------------------------------------------ what the person asks
    def _pick(self, row: StreamRow) -> None:
        described, current = row.description, self.holder.current.stream
        named = f"Stream '{short(described.name)}' ({in_short(described)})"
        if not row.there:
            self.said.emit(f"{named} has gone. Start its sender again, or choose another.", "warn")
        elif described.text and current is None:
            self.said.emit("These are markers; choose the signal first, then the markers that go with it.", "warn")
        elif described.text and current is not None:
            same = current.markers == described.name
            self.holder.choose(stream=current.model_copy(update={"markers": None if same else described.name}))
        elif not 0 < described.sfreq < math.inf:
            self.said.emit(f"{named} has no sampling rate, so it cannot be filtered. Choose a stream with one.", "warn")
        else:
            self._choose(row)

    def _choose(self, row: StreamRow) -> None:
        self.said.emit("", "info")  # what was refused before is done with
        self.holder.choose(stream=choice_of(row.description, self.holder.current.stream))
        chosen = self.holder.current.stream
        self.unit.setCurrentIndex(max(self.unit.findData(None if chosen is None else chosen.unit), 0))

    def _take_code(self) -> None:
        try:
            self.holder.choose(participant=self.code.text().strip())
            self.said.emit(warning(self.holder.current.participant), "warn")
        except BciError as error:
            self.code.setText(self.holder.current.participant)
            self.said.emit(str(error), "warn")

    def _take_unit(self) -> None:
        stream = self.holder.current.stream
        if stream is not None:
            self.holder.choose(stream=stream.model_copy(update={"unit": self.unit.currentData()}))

    # ------------------------------------------------------------------ the head
    def _map(self, channels: tuple[str, ...]) -> None:
        """Show where `channels` sit; MNE-Python, which knows it, is loaded in the background."""
        if not channels:
            self.unplaced.setText("" if self.holder.found is None else NAMELESS)
        if channels == self._mapped:
            return
        self._mapped, self._places = channels, {}
        self.channels_panel.set_detail(f"{len(channels)} named" if channels else "")
        self.montage.show_places({})
        if self._mapping is not None:
            self._mapping.cancel()
        if not channels:
            return

        def work(tell: OnProgress) -> ElectrodeMap:
            from bci_app.engine.electrodes import map_electrodes

            return map_electrodes(channels)

        self._mapping = task = Task(work, "electrode map", parent=self)
        self._threads = [*(thread for thread in self._threads if not thread.join(0.0)), task]
        task.succeeded.connect(self._show_map)
        task.failed.connect(lambda words: self.said.emit(words, "warn"))
        task.start()

    def _show_map(self, found: ElectrodeMap) -> None:
        from bci_app.engine.electrodes import flattened

        self._places = {name: flattened(place) for name, place in found.places.items()}
        self.montage.show_places(self._places, self.holder.current.bad)
        n_more = len(found.unknown) - _NAMED
        listed = ", ".join(short(name, LONGEST_CHANNEL) for name in found.unknown[:_NAMED])
        listed += f" and {n_more} more" if n_more > 0 else ""
        self.unplaced.setText(f"No place known: {listed}" if listed else "")


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(theme.GAP_PX)
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return row


def _named(name: str, field: QWidget) -> PlainLabel:
    label = PlainLabel(name)
    label.setBuddy(field)
    return label
