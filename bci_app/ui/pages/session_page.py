"""What pages have in common that run a session: a form, the session's own window in its place, and the form again."""

from __future__ import annotations

import shutil
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from bci_app.contract.errors import BciError, SettingsError
from bci_app.engine.workplace import MOST_LETTERS, Workplace
from bci_app.ui import theme
from bci_app.ui.background import OnProgress, Task
from bci_app.ui.pages.page import Holder, Page
from bci_app.ui.session_window import SessionWindow
from bci_app.ui.views.fields import PathField, TallScroll, choice_field, field_text, form, named_fields, set_field_text
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.text import PlainLabel

if TYPE_CHECKING:
    from bci_app.engine.closing import RunResult
    from bci_app.engine.events import StreamChanged
    from bci_app.engine.senders import Sender
    from bci_app.engine.views import Status

WRITING_S = 60.0
"""How long the end of the program waits for a report that is being written."""
GIVEN_UP_S = 1.0
"""How long it waits for what was given up while it was opened: that holds nothing which must be kept."""
DEVICES = (
    ("GPU if there is one", "auto"),
    ("GPU; told if it cannot be used", "gpu"),
    ("GPU; refused if it cannot be used", "required"),
    ("CPU", "cpu"),
)
_WIDEST_PX = 900


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that waits for its window, what must be undone when it is over, and the folder that was made for it."""

    session: Any
    undo: ExitStack
    made: Path | None = None

    def end(self) -> None:
        """End the session; a thread of its own, since sender or disk may let it wait."""
        with self.undo:
            self.session.stop()

    def let_go(self) -> None:
        """End a session that got no window; it had not started, so what lies in the folder that was made for it is nothing."""
        self.end()
        if self.made is not None:
            shutil.rmtree(self.made, ignore_errors=True)


def open_in_folder(runs: Path, kind: str, plan: Any, make: Callable[[Any], Any]) -> Opened:
    """Make the session of a plan, with a new folder below `runs`; the folder goes again if nothing comes to lie in it.

    Raises
    ------
    BciError
        If the folder cannot be made, or the session cannot begin.
    """
    from bci_app.engine.summary import run_folder

    with ExitStack() as undo:
        plan.folder = undo.enter_context(run_folder(runs, kind))
        return Opened(make(plan), undo.pop_all(), plan.folder)


def device_field(now: str) -> QComboBox:
    """Where models are to run, and what happens if they cannot."""
    return choice_field("Device", DEVICES, now)


def device_settings(field: QComboBox) -> dict[str, Any]:
    """Fields `device` and `require_gpu` of a session's settings."""
    chosen = field.currentData()
    return {"device": "gpu" if chosen == "required" else chosen, "require_gpu": chosen == "required"}


def check_onlooker(own: Sender | None) -> None:
    """Whether somebody can look at pictures; `own` is the sender of the program's own making that is read, if there is one.

    Raises
    ------
    SettingsError
        If nobody can.
    """
    if own is not None and own.outlets() is None:
        raise SettingsError(
            "Pictures are shown to somebody who looks at them; this stream is a replay, or a participant who reads sentences. "
            "Choose another stream on the page Connect (Ctrl+1), or a session without pictures."
        )


class SessionPage(Page):
    """A form; Start opens models and stream in the background, and the session's window takes the form's place until it closes.

    Parameters
    ----------
    holder : Holder
        The workplace.
    """

    about: ClassVar[str] = ""
    """What such a session does, in a sentence or two."""
    not_kept: ClassVar[tuple[str, ...]] = ("Decoder", "Generator", "Text bundle", "Marker stream")
    """Fields that are not remembered with the form: the workplace has them in places of their own."""

    def __init__(self, holder: Holder) -> None:
        super().__init__(holder)
        self._opening: Task | None = None
        self._writing: Task | None = None
        self._tasks: list[Task] = []
        self._opened: Opened | None = None
        self._report: Path | None = None
        self._dropped: list[str] = []
        self.window_inside: SessionWindow | None = None
        self._stack = QStackedWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)
        self._front = self._new_front()
        self._show_runs(holder.current)
        holder.changed.connect(self._show_runs)
        self._stack.addWidget(self._front)
        self._show_state()

    # ------------------------------------------------------------------ what a kind of session is
    @abstractmethod
    def _rows(self) -> Sequence[tuple[str, QWidget]]:
        """The fields of the form, each behind its name."""

    @abstractmethod
    def _opener(self) -> Callable[[OnProgress], Opened]:
        """What opens the session, with the form as it is now; BciError if it cannot be meant. GUI thread."""

    @abstractmethod
    def _new_window(self, session: Any) -> SessionWindow:
        """The window of a session."""

    @abstractmethod
    def _close(self, session: Any) -> RunResult:
        """Write summary and report of a session that has ended; a thread of its own."""

    # ------------------------------------------------------------------ the page
    @property
    def busy(self) -> str | None:
        """What runs here."""
        if self.window_inside is not None:
            return "a session runs"
        if self._opening is not None:
            return "a session is being opened"
        return "a report is being written" if self._writing is not None else None

    def entered(self) -> None:
        """The keys belong to the session, or to the form."""
        (self.window_inside or self.start_button).setFocus()
        if self._dropped:
            self.said.emit(
                f"What stood here last time does not fit any more, so the usual stands there again: {', '.join(self._dropped)}.",
                "warn",
            )
            self._dropped = []

    def left(self) -> None:
        """Remember what stands in the form."""
        self._keep_form()

    def close_page(self) -> None:
        """Remember the form and end the session; its report is written behind."""
        self._keep_form()
        self._give_up()
        if self.window_inside is not None:
            self.window_inside.close()

    def finish(self) -> None:
        """Wait for the report."""
        for task in self._tasks:
            task.join(GIVEN_UP_S if task.cancelled else WRITING_S)

    def start(self) -> None:
        """Open the session that the form describes."""
        if self.busy:
            return
        self._choose_runs()
        try:
            opener = self._opener()
        except BciError as error:
            self.said.emit(str(error), "warn")
            return
        self._keep_form()
        self.said.emit("", "info")
        self._opening = task = Task(opener, f"opening of {self.title}", discard=Opened.let_go, parent=self)
        task.progressed.connect(lambda done, total, text: self._show_state(text))
        task.succeeded.connect(self._on_opened)
        task.failed.connect(self._on_refused)
        self._run(task)
        self._show_state("opening")
        self.give_up_button.setFocus()

    def _run(self, task: Task) -> None:
        self._tasks = [*(each for each in self._tasks if each.running), task]
        task.start()

    def _give_up(self) -> None:
        """Do not wait for the session that is being opened."""
        task, self._opening = self._opening, None
        if task is not None:
            task.cancel()
            self._show_state()
            self.start_button.setFocus()

    # ------------------------------------------------------------------ the session
    def _on_opened(self, opened: Opened) -> None:
        self._opening, self._opened = None, opened
        self.window_inside = window = self._new_window(opened.session)
        window.embed()
        window.closed.connect(lambda: self.immerse(False))
        window.closed.connect(self._on_closed)
        bridge = window.session_bridge
        bridge.status_polled.connect(self._on_status)
        bridge.stream_changed.connect(self._on_stream)
        self._stack.addWidget(window)
        self._stack.setCurrentWidget(window)
        self.immerse(True)
        self._show_state()
        try:
            window.begin()
            window.setFocus()
        except BciError as error:
            self.said.emit(str(error), "warn")
            window.close()

    def _on_refused(self, words: str) -> None:
        self._opening = None
        self.said.emit(words, "warn")
        self._show_state()
        self.start_button.setFocus()

    def _on_status(self, status: Status) -> None:
        self.holder.stream_told.emit(status.stream, status.stream_ok)
        self.holder.device_told.emit(status.device, status.device_ok)

    def _on_stream(self, event: StreamChanged) -> None:
        if not self.isVisible() and event.state in ("stale", "lost"):
            self.said.emit(f"{self.title}: {event.message}", "warn")

    def _on_closed(self) -> None:
        window, self.window_inside = self.window_inside, None
        opened, self._opened = self._opened, None
        if window is None or opened is None:
            return
        self._stack.setCurrentWidget(self._front)
        self._stack.removeWidget(window)

        def write(tell: OnProgress) -> RunResult:
            with opened.undo:
                return self._close(opened.session)

        self._writing = task = Task(write, f"report of {self.title}", parent=self)
        task.succeeded.connect(self._on_written)
        task.failed.connect(self._on_not_written)
        for over in (task.succeeded, task.failed):
            over.connect(window.deleteLater)  # not before: until its session has ended, threads know its bridge
        self._run(task)
        self._show_state("writing the report")

    def _on_written(self, result: RunResult) -> None:
        self._writing = None
        self._report = result.report
        self.result.setText(f"{result.reason or result.paragraph}\n{result.report}")
        self._show_state()
        self._take_keys()

    def _on_not_written(self, words: str) -> None:
        self._writing = None
        self.said.emit(words, "warn")
        self._show_state()
        self._take_keys()

    def _take_keys(self) -> None:
        """The keys belong to the start again, which could not have them before, unless somebody fills in the form meanwhile."""
        now = QApplication.focusWidget()
        if self.isVisible() and (now is None or not self.isAncestorOf(now)):
            self.start_button.setFocus()

    # ------------------------------------------------------------------ the form
    def _new_front(self) -> QWidget:
        front, content = QWidget(), QWidget()
        content.setMaximumWidth(_WIDEST_PX)
        self.start_button = QPushButton("Start (Ctrl+Return)")
        self.start_button.clicked.connect(self.start)
        self.give_up_button = QPushButton("Give up")
        self.give_up_button.clicked.connect(self._give_up)
        self.progress = PlainLabel("", points=theme.SMALL_PT, muted=True)
        self._bar = QProgressBar()
        self._bar.setRange(0, 0)
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(6)
        self.result = PlainLabel("", wrap=True)
        self.runs = PathField("folder of sessions", "")
        self.runs.changed.connect(self._choose_runs)
        self._kept_in = PlainLabel("&Kept in")
        self._kept_in.setBuddy(self.runs)
        self.report_button = QPushButton("Open the report")
        self.report_button.clicked.connect(self._open_report)
        buttons = QHBoxLayout()
        for button in (self.start_button, self.give_up_button, self.report_button):
            buttons.addWidget(button)
        buttons.addWidget(self.progress, 1)
        buttons.addWidget(self._kept_in)
        buttons.addWidget(self.runs, 2)
        column = QVBoxLayout(content)
        column.setSpacing(theme.GAP_PX * 2)
        column.addWidget(self._new_form())
        column.addLayout(buttons)
        column.addWidget(self._bar)
        column.addWidget(self.result)
        column.addStretch(1)
        QVBoxLayout(front).addWidget(Panel(self.title, content))
        shortcut = QShortcut(QKeySequence("Ctrl+Return"), front)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(self.start)
        return front

    def _new_form(self) -> QWidget:
        """What such a session does and the fields, as they stood last time."""
        rows = self._rows()
        self._fields = {name: field for name, field in named_fields(rows).items() if name not in self.not_kept}
        self._take_form()
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, theme.GAP_PX, 0)
        column.setSpacing(theme.GAP_PX * 2)
        column.addWidget(PlainLabel(self.about, muted=True, wrap=True))
        column.addWidget(form(rows))
        return TallScroll(content)

    def _take_form(self) -> None:
        """What stood in the form last time stands there again, as far as it fits."""
        for name, text in self.holder.current.forms.get(self.title, {}).items():
            field = self._fields.get(name)
            if field is not None and not set_field_text(field, text):
                self._dropped.append(name)

    def _keep_form(self) -> None:
        texts = {name: field_text(field) for name, field in self._fields.items()}
        kept = {name: text for name, text in texts.items() if len(text) <= MOST_LETTERS}
        self.holder.choose(forms=self.holder.current.forms | {self.title: kept})

    def _choose_runs(self) -> None:
        """All sessions are kept in the folder that is written; an empty line brings back the one of before."""
        self.holder.choose(runs=self.runs.path or self.holder.current.runs)
        self._show_runs(self.holder.current)

    def _show_runs(self, current: Workplace) -> None:
        self.runs.set_path(current.runs)

    def _show_state(self, text: str = "") -> None:
        working = self._opening is not None or self._writing is not None
        self.progress.setText(f"{text} …" if working and text else "")
        self._bar.setVisible(working)
        self.start_button.setEnabled(not working)
        self.give_up_button.setVisible(self._opening is not None)
        self.report_button.setVisible(self._report is not None and not working)

    def _open_report(self) -> None:
        if self._report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._report)))
