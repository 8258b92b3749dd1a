"""Sessions: what was recorded, its report, its export, its end; and all that belongs to a participant."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from bci_app.contract.errors import BciError
from bci_app.engine.trash import Trash
from bci_app.ui import theme
from bci_app.ui.background import OnProgress, Task
from bci_app.ui.pages.page import Holder, Page
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.participant_data import ParticipantData
from bci_app.ui.views.session_table import SessionTable
from bci_app.ui.views.text import PlainLabel

if TYPE_CHECKING:
    from bci_app.engine.export import Format
    from bci_app.engine.participants import Deleted
    from bci_app.engine.senders import Sender
    from bci_app.engine.sessions import SessionEntry

logger = logging.getLogger(__name__)

NOTHING = "No session has been kept yet. What is recorded on the other pages appears here."
_LAST_S = 60.0
"""How long the end of the program waits for what is being written."""

Work = Callable[[OnProgress], Any]


def _open_in_browser(path: Path) -> bool:
    return QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


class SessionsPage(Page):
    """A table of the sessions in the folder of runs, and what can be done with the one under the cursor.

    Parameters
    ----------
    holder : Holder
        The workplace.
    show_file : callable, optional
        Opens a page of HTML; gives whether that went well.
    """

    title = "Sessions"
    hint = "Enter opens the report · Del deletes, Ctrl+Z takes it back until the window closes · F5 looks again"

    def __init__(self, holder: Holder, show_file: Callable[[Path], bool] = _open_in_browser) -> None:
        super().__init__(holder)
        self._show_file = show_file
        self._looking: Task | None = None
        self._working: Task | None = None
        self._doing = ""
        self._tasks: list[Task] = []
        self._trashes: dict[Path, Trash] = {}
        self._back: Path | None = None  # what was taken back, for the cursor
        self._closed = False
        self._make_widgets()
        self._lay_out()
        self._connect()
        self._show_choice()

    # ------------------------------------------------------------------ building
    def _make_widgets(self) -> None:
        self.table = SessionTable(self.holder.colours)
        self.report = QPushButton("Open &report")
        self.anew = QPushButton("Write it ane&w")
        self.replay = QPushButton("Re&play")
        self.xdf = QPushButton("Export &XDF")
        self.bids = QPushButton("Export &BIDS")
        self.delete = QPushButton("&Delete")
        self.undo = QPushButton("&Undo")
        self.person = ParticipantData()
        self.state = PlainLabel(NOTHING, points=theme.SMALL_PT, muted=True, wrap=True)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP_PX)
        sessions = QWidget()
        column = QVBoxLayout(sessions)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table, 1)
        row = QHBoxLayout()
        row.setSpacing(theme.GAP_PX)
        for button in (self.report, self.anew, self.replay, self.xdf, self.bids, self.delete, self.undo):
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)
        column.addWidget(self.state)
        layout.addWidget(Panel("Sessions", sessions), 1)
        layout.addWidget(Panel("All of a participant", self.person))

    def _connect(self) -> None:
        self.table.picked.connect(lambda entry: self.open_report())
        self.table.itemSelectionChanged.connect(self._show_choice)
        for button, action in (
            (self.report, self.open_report),
            (self.anew, self.write_anew),
            (self.replay, self.play),
            (self.xdf, lambda: self.export("xdf")),
            (self.bids, lambda: self.export("bids")),
            (self.delete, self.delete_session),
            (self.undo, self.take_back),
        ):
            button.clicked.connect(action)
        self.person.export_wanted.connect(self.export_participant)
        self.person.delete_wanted.connect(self.delete_participant)
        for key, action in (("Del", self.delete_session), ("Ctrl+Z", self.take_back), ("F5", self.refresh)):
            shortcut = QShortcut(QKeySequence(key), self.table if key == "Del" else self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(action)

    # ------------------------------------------------------------------ the page's life
    @property
    def busy(self) -> str | None:
        """What is being written."""
        return self._doing or None

    def entered(self) -> None:
        """Look what is there."""
        self.refresh()
        self.table.setFocus()

    def close_page(self) -> None:
        """Wait for nothing any more."""
        self._closed = True
        for task in (self._looking, self._working):
            if task is not None:
                task.cancel()

    def finish(self) -> None:
        """Wait for what is being written; then what was deleted is gone for good."""
        for task in self._tasks:
            task.join(_LAST_S)
        for trash in self._trashes.values():
            try:
                gone = [trash.runs / name for name in trash.names]
                trash.empty()
                self._forget(gone)
            except BciError as error:
                logger.error("%s", error)

    @property
    def _trash(self) -> Trash:
        runs = self.holder.current.runs
        return self._trashes.setdefault(runs, Trash(runs))

    def refresh(self) -> None:
        """Look again what sessions there are; in the background."""
        runs = self.holder.current.runs

        def look(tell: OnProgress) -> tuple[SessionEntry, ...]:
            from bci_app.engine.sessions import list_sessions

            return list_sessions(runs)

        if self._looking is not None:
            self._looking.cancel()
        self._looking = self._start(look, self._listed, lambda words: self.said.emit(words, "warn"))

    def _listed(self, entries: tuple[SessionEntry, ...]) -> None:
        self.table.show_entries(entries)
        if self._back is not None:
            self.table.select(self._back)
            self._back = None
        n_mb = sum(entry.n_bytes for entry in entries) / 1e6
        runs = self.holder.current.runs
        self.state.setText(f"{len(entries)} in {runs}, {n_mb:,.1f} MB together" if entries else NOTHING)
        self._show_choice()

    def _show_choice(self) -> None:
        """Which buttons can be used, and whose data the lower ones are about."""
        entry, free = self.table.selected, not self._doing
        for button in (self.report, self.anew, self.replay, self.xdf, self.bids, self.delete):
            button.setEnabled(entry is not None and free)
        self.undo.setEnabled(free and bool(self._trash.names))
        self.person.show_code("" if entry is None else entry.participant, free)

    # ------------------------------------------------------------------ work behind the window
    def _start(
        self,
        work: Work,
        take: Callable[[Any], None],
        failed: Callable[[str], None],
        discard: Callable[[Any], None] = lambda result: None,
    ) -> Task:
        task = Task(work, "sessions", discard, parent=self)
        task.succeeded.connect(take)
        task.failed.connect(failed)
        self._tasks = [*(each for each in self._tasks if each.running), task]
        task.start()
        return task

    def _do(
        self,
        doing: str,
        work: Work,
        take: Callable[[Any], None],
        discard: Callable[[Any], None] = lambda result: None,
    ) -> None:
        """One thing at a time: what it came to is said, then the table is written anew."""
        if self._doing or self._closed:
            return
        self._doing = doing
        self._show_choice()
        self.said.emit(f"{doing} …", "info")
        self._working = self._start(work, lambda result: self._done(take, result), self._failed, discard)
        self._working.progressed.connect(lambda done, total, text: self._tell_progress(done, total))

    def _tell_progress(self, done: int, total: int) -> None:
        """How far the work is, in steps of a twentieth."""
        if total and done and done * 20 // total != (done - 1) * 20 // total:
            self.said.emit(f"{self._doing}: {done} of {total} files", "info")

    def _done(self, take: Callable[[Any], None], result: Any) -> None:
        self._doing = ""
        take(result)
        self.refresh()

    def _failed(self, words: str) -> None:
        self._doing = ""
        self.said.emit(words, "warn")
        self.refresh()

    # ------------------------------------------------------------------ what the person asks of a session
    def open_report(self) -> None:
        """Open the report of the session; one that has none yet is written first."""
        entry = self.table.selected
        if entry is None:
            return
        if entry.has_report:
            self._show_page(entry.folder / "report.html")
        else:
            self.write_anew()

    def write_anew(self) -> None:
        """Write the report anew from what lies in the folder, and open it."""
        entry = self.table.selected
        if entry is None:
            return

        def work(tell: OnProgress) -> Path:
            from bci_app.engine.reopening import report_again

            return report_again(entry.folder)

        self._do(f"The report of {entry.folder.name} is being written", work, self._show_page)

    def _show_page(self, path: Path) -> None:
        if self._show_file(path):
            self.said.emit(f"The report is open in the browser: {path}", "info")
        else:
            self.said.emit(f"No browser opens the report; it lies in {path}.", "warn")

    def play(self) -> None:
        """Play the session as if it were live, and choose it as the stream."""
        entry = self.table.selected
        if entry is None:
            return

        def work(tell: OnProgress) -> Any:
            from bci_app.engine.senders import PlayedRecording

            return PlayedRecording(entry.folder, 1.0)

        self._do(f"{entry.folder.name} is being opened", work, self._played, lambda sender: sender.close())

    def _played(self, sender: Sender) -> None:
        self.holder.adopt(sender)
        self.said.emit(
            f"{sender.watermark}: stream '{sender.stream.name}' is chosen. It begins when a page reads it, such as "
            "Decode (Ctrl+4).",
            "info",
        )

    def export(self, to: Format) -> None:
        """Export signal and markers into the folder of exports, beside the folder of runs."""
        entry, place = self.table.selected, self._exports / ("bids" if to == "bids" else "")
        if entry is None:
            return

        def work(tell: OnProgress) -> tuple[Path, ...]:
            from bci_app.engine.export import export_session

            return export_session(entry.folder, to, place)

        self._do(f"{entry.folder.name} is being exported", work, self._tell_paths)

    def _tell_paths(self, paths: tuple[Path, ...]) -> None:
        self.said.emit("Exported: " + ", ".join(map(str, paths)), "info")

    @property
    def _exports(self) -> Path:
        return self.holder.current.runs.parent / "exports"

    def delete_session(self) -> None:
        """Put the session into the trash, from which it can be taken back until the window closes."""
        entry = self.table.selected
        if entry is None or self._doing:
            return
        try:
            self._trash.put(entry.folder)
        except BciError as error:
            self.said.emit(str(error), "warn")
            return
        self.said.emit(f"{entry.folder.name} is deleted when the window closes; Ctrl+Z takes it back.", "info")
        self.refresh()

    def take_back(self) -> None:
        """Take the session back that was deleted last."""
        names = self._trash.names
        if not names or self._doing:
            return
        try:
            self._back = self._trash.restore(names[-1])
        except BciError as error:
            self.said.emit(str(error), "warn")
            return
        self.said.emit(f"{names[-1]} is back.", "info")
        self.refresh()

    # ------------------------------------------------------------------ what the person asks of a participant's data
    def export_participant(self) -> None:
        """Write all that belongs to the participant of the session into one zip file."""
        entry, runs = self.table.selected, self.holder.current.runs
        if entry is None or not entry.participant:
            return
        path, number = self._exports / f"{entry.participant}.zip", 1
        while path.exists():
            number += 1
            path = path.with_name(f"{entry.participant}-{number}.zip")

        def work(tell: OnProgress) -> tuple[Path, ...]:
            from bci_app.engine.participants import export_participant

            export_participant(runs, entry.participant, path, tell)
            return (path,)

        self._do(f"All of participant {entry.participant} is being exported", work, self._tell_paths)

    def delete_participant(self, typed: str) -> None:
        """Delete all that belongs to the participant of the session for good, if `typed` is the code."""
        entry, runs = self.table.selected, self.holder.current.runs
        if entry is None or not entry.participant:
            return

        def work(tell: OnProgress) -> Deleted:
            from bci_app.engine.participants import delete_participant

            return delete_participant(runs, entry.participant, typed)

        self._do(f"All of participant {entry.participant} is being deleted", work, self._tell_deleted)

    def _tell_deleted(self, deleted: Deleted) -> None:
        self._forget(deleted.folders, deleted.code)
        names = ", ".join(folder.name for folder in deleted.folders)
        self.said.emit(
            f"Deleted for good: {names}; {deleted.n_files} files, {deleted.n_bytes / 1e6:,.1f} MB. What was exported is not "
            "known to the program: delete it yourself.",
            "info",
        )

    def _forget(self, folders: Sequence[Path], code: str = "") -> None:
        """Choose nothing any more that was in these folders, which are gone, and no participant whose data are."""
        from bci_app.engine.participants import mentions

        self.holder.choose(**mentions(self.holder.current, folders, code))
