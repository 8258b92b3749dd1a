"""Streams started from the window: the simulated participant, and a recording that is played as if it were live."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from bci_app.contract.errors import BciError, SettingsError
from bci_app.simulation.settings import SIMULATED_READER, ParticipantSettings, PreferenceSettings
from bci_app.streams.recordings import XDF_SUFFIXES
from bci_app.ui import theme
from bci_app.ui.background import OnProgress, Task
from bci_app.ui.pages.page import Holder
from bci_app.ui.views.fields import PathField, choice_field
from bci_app.ui.views.text import ElidedLabel, PlainLabel

if TYPE_CHECKING:
    from bci_app.engine.senders import Sender

PARTICIPANTS: tuple[tuple[str, ParticipantSettings], ...] = (
    ("looks at pictures", ParticipantSettings()),
    ("prefers a hidden picture", ParticipantSettings(n_channels=32, preference=PreferenceSettings())),
    ("reads sentences", SIMULATED_READER),
)
SPEEDS = (
    ("as recorded", 1.0), ("2 × faster", 2.0), ("4 × faster", 4.0), ("8 × faster", 8.0), ("16 × faster", 16.0),
    ("as fast as nothing gets lost", 0.0),
)  # fmt: skip
UNITS = (
    ("as the sender says", None), ("microvolts", "uV"), ("counts", "count"), ("arbitrary", "au"), ("millivolts", "mV"),
    ("volts", "V"), ("nanovolts", "nV"),
)  # fmt: skip
"""What a sender or a file that tells no unit may be in."""
REST_S = 3.0
"""Between the end of a recording and its being made ready again: whoever read it has seen by then that it ended."""
INSIDE = ("session.json", "eeg.json")
"""A dialog that chooses files chooses one of these for the folder of a session."""

_LAST_S = 1.0

Start = Callable[[OnProgress], "Sender"]


class XdfFields(QWidget):
    """What is asked of XDF files alone: which of their streams, its unit, and whether a cut file will do."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = QLineEdit()
        self.stream.setPlaceholderText("name or id, if it holds several")
        self.stream.setMinimumWidth(260)
        self.stream.setAccessibleName("Stream in the XDF file")
        self.unit = choice_field("Unit in the XDF file", (("as the file says", None), *UNITS[1:]))
        self.partial = QCheckBox("a cut file too")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP_PX)
        for name, field in (("Stream", self.stream), ("Unit", self.unit)):
            layout.addWidget(PlainLabel(name))
            layout.addWidget(field)
        layout.addWidget(self.partial)
        layout.addStretch(1)

    def values(self, file: Path) -> dict[str, Any]:
        """As `PlayedRecording` takes them; nothing for a file of another kind."""
        if not is_xdf(file):
            return {}
        unit, stream = self.unit.currentData(), self.stream.text().strip() or None
        return {"stream": stream, "unit": unit, "partial": self.partial.isChecked()}


class StartBox(QWidget):
    """Starts one sender at a time in the background; another one takes its place, and `Holder.drop` ends it.

    Parameters
    ----------
    holder : Holder
        The workplace, which gets the sender and its stream.
    """

    said = Signal(str, str)

    def __init__(self, holder: Holder) -> None:
        super().__init__()
        self._holder = holder
        self._task: Task | None = None
        self._given_up: list[Task] = []
        self._ended: tuple[Sender, float] | None = None  # what came to its end, and when that was seen
        self.participant = choice_field("Simulated participant", PARTICIPANTS)
        self.simulate = QPushButton("Start a simulated participant that")
        self.file = PathField(
            "recording", "XDF, FIF, BrainVision, EDF, BDF, EEGLAB, or a session's folder", folder=False
        )
        self.speed = choice_field("Speed of the replay", SPEEDS)
        self.xdf = XdfFields()
        self.replay = QPushButton("Replay")
        self.end = QPushButton("End it")
        self._state = ElidedLabel("", points=theme.SMALL_PT, muted=True)
        self.simulate.clicked.connect(self.start_participant)
        self.replay.clicked.connect(self.start_replay)
        self.file.line.returnPressed.connect(self.start_replay)
        self.file.line.textChanged.connect(lambda text: self.xdf.setVisible(is_xdf(Path(text))))
        self.end.clicked.connect(self.end_sender)
        self._lay_out()
        self._show_state()

    @property
    def state(self) -> str:
        """What runs, in words."""
        return self._state.text()

    @property
    def over(self) -> bool:
        """Whether what was started has ended by itself, and nothing has come in its place."""
        return self._ended is not None and self._ended[0] is self._holder.own_sender

    def look_again(self) -> None:
        """Show what runs, also if another page started it."""
        if self._task is None:
            self._show_state()

    def start_participant(self) -> None:
        """Start the simulated participant that is chosen."""
        settings: ParticipantSettings = self.participant.currentData()

        def start(tell: OnProgress) -> Sender:
            from bci_app.engine.senders import SimulatedParticipant

            return SimulatedParticipant(settings)

        self._start(start, "Waking up; this takes some seconds.")

    def start_replay(self) -> None:
        """Play the recording that is named, from its beginning."""
        try:
            file, speed = self._named_file(), float(self.speed.currentData())
            options = self.xdf.values(file)
        except BciError as error:
            self.said.emit(str(error), "warn")
            return

        def start(tell: OnProgress) -> Sender:
            from bci_app.engine.senders import PlayedRecording

            return PlayedRecording(file, speed, **options)

        self._start(start, f"'{file.name}' is being opened.")

    def end_sender(self) -> None:
        """End what runs, or what is being started."""
        self._forget_task()
        self._holder.drop()
        self._show_state()

    def look_after(self) -> None:
        """Say it once when the sender has ended by itself; a recording is made ready to be played again."""
        sender = self._holder.own_sender
        if sender is None or self._task is not None:
            return
        words, tone = _end_of(sender)
        try:
            if not sender.ended():
                self._ended = None
                return
        except BciError as error:
            words, tone = str(error), "warn"
        if self._ended is None or self._ended[0] is not sender:
            self._ended = sender, time.monotonic()
            self._show_state()
            self.said.emit(words, tone)
        elif tone == "info" and time.monotonic() - self._ended[1] > REST_S:
            self._ended = sender, math.inf
            self._rewind(sender)

    def _rewind(self, sender: Sender) -> None:
        """Let it begin anew when somebody listens; not at once, lest it began for a session that has yet to see the end."""
        task = Task(lambda tell: sender.rewind(only_if_ended=True), "rewinding of a recording", parent=self)
        task.failed.connect(lambda words: self.said.emit(words, "warn"))
        self._given_up = [*(each for each in self._given_up if each.running), task]
        task.start()

    def close_box(self) -> None:
        """Give up what is being started; what runs belongs to the workplace."""
        self._forget_task()

    def finish(self) -> None:
        """Wait a moment for what was given up while it started; a process of ours ends with this one in any case."""
        for task in self._given_up:
            task.join(_LAST_S)

    def _forget_task(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            self._given_up = [*(each for each in self._given_up if each.running), task]

    def _named_file(self) -> Path:
        file = self.file.path
        if file is None or not file.exists():
            came = "none was named" if file is None else f"'{file}' is not there"
            raise SettingsError(
                f"A replay plays a recording; {came}. Name a file, or a session's folder (in the dialog: its session.json)."
            )
        return file.parent if file.name in INSIDE else file

    def _start(self, work: Start, text: str) -> None:
        self.end_sender()
        self.said.emit("", "info")
        task = Task(work, "start of a stream", discard=lambda sender: sender.close(), parent=self)
        task.succeeded.connect(self._started)
        task.failed.connect(self._refused)
        self._task = task
        task.start()
        self._show_state(text)

    def _started(self, sender: Sender) -> None:
        self._task = None
        self._holder.adopt(sender)
        self._show_state()

    def _refused(self, words: str) -> None:
        self._task = None
        self.said.emit(words, "warn")
        self._show_state()

    def _show_state(self, text: str = "") -> None:
        sender = self._holder.own_sender
        if sender is not None:
            chosen = self._holder.reads_own_sender() is not None
            does = "has come to its end" if self.over else "is chosen until it ends" if chosen else "runs"
            text = f"{sender.watermark} {does}: '{sender.stream.name}'"
        self._state.setText(text)
        self._state.setVisible(bool(text))
        self.end.setVisible(bool(text))

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.simulate)
        first.addWidget(self.participant)
        first.addWidget(self._state, 1)
        first.addStretch(0)  # where nothing is said
        first.addWidget(self.end)
        second.addWidget(self.replay)
        second.addWidget(self.file, 1)
        second.addWidget(self.speed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP_PX)
        layout.addLayout(first)
        layout.addLayout(second)
        layout.addWidget(self.xdf)
        self.xdf.hide()


def _end_of(sender: Sender) -> tuple[str, str]:
    """What to say of its end, and in which tone: only a recording is meant to end."""
    from bci_app.engine.senders import REPLAY  # loads models; whoever has a sender has loaded them

    if sender.watermark == REPLAY:
        return "The recording has come to its end. It begins anew as soon as a page reads it.", "info"
    return "The simulated participant has come to its end. Start another one.", "warn"


def is_xdf(file: Path) -> bool:
    """Whether it is an XDF file, by its name."""
    return file.name.lower().endswith(XDF_SUFFIXES)
