"""From a plan to a finished run folder of a session that reads sentences."""

from __future__ import annotations

from collections.abc import Callable

from bci_app.engine.closing import RunResult, keep_results, run_then_close
from bci_app.engine.text_plan import TextPlan
from bci_app.engine.text_report import write_text_report
from bci_app.engine.text_session import TextSession
from bci_app.engine.text_summary import summarise_text, text_paragraph


def run_text_and_report(plan: TextPlan, show: Callable[[TextSession], int]) -> RunResult:
    """Run a session and write ``summary.json`` and ``report.html`` into the plan's folder, however it ends.

    Parameters
    ----------
    plan : TextPlan
        Its folder must exist.
    show : callable
        Starts the session, returns when it is over with the exit status of the window; owner's thread.

    Raises
    ------
    SettingsError
        If the plan has no folder.
    BciError
        If the session cannot begin (see `TextSession`), or the disk refuses the results.
    """
    return run_then_close(plan.folder, lambda: TextSession(plan), show, close_text_and_report)


def close_text_and_report(session: TextSession) -> RunResult:
    """Stop a session with a folder, and write ``summary.json`` and ``report.html`` into it; any one thread.

    Raises
    ------
    RecordingError
        If the disk refuses; what the session came to is told with it, since it stands nowhere else.
    """
    folder = session.plan.folder
    assert folder is not None, "a session without a folder has no report"
    session.stop()
    summary = summarise_text(session)
    return keep_results(folder, summary, text_paragraph(summary), lambda: write_text_report(folder, summary))
