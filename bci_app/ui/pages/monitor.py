"""The session behind the page Signal: opened, given up and ended in threads of their own, since a stream may let one wait."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bci_app.ui.pages.session_page import Opened, open_in_folder

if TYPE_CHECKING:
    from bci_app.engine.monitor_session import MonitorSession
    from bci_app.engine.senders import Sender
    from bci_app.engine.settings import StreamChoice


def open_monitor(stream: StreamChoice, participant: str, sender: Sender | None, runs: Path | None) -> Opened:
    """Open a stream to be shown; a thread of its own.

    Parameters
    ----------
    stream : StreamChoice
        Which.
    participant : str
        Code; may be empty where nothing is recorded.
    sender : Sender or None
        What was started from the window, if it is its stream.
    runs : Path or None
        Folder of sessions where it is recorded; None records nothing.

    Raises
    ------
    BciError
        If the stream is not there or cannot be shown, or the folder cannot be made.
    """
    from bci_app.engine.monitor_session import KIND, MonitorSession, plan_monitor

    plan = plan_monitor(stream, participant=participant)
    if sender is not None:
        sender.rewind(only_if_ended=True)
        plan.watermark, plan.source_ended = sender.watermark, sender.ended
    if runs is None:
        return Opened(MonitorSession(plan), ExitStack())
    return open_in_folder(runs, KIND, plan, MonitorSession)


def end_monitor(session: MonitorSession) -> None:
    """End a session that was shown, and write the report of what was recorded; a thread of its own.

    Raises
    ------
    RecordingError
        If the report cannot be written.
    """
    session.stop()
    if session.plan.folder is not None:
        from bci_app.engine.reopening import report_again

        report_again(session.plan.folder)
