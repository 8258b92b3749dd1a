"""From a plan to the finished folder of a recording that nothing reads."""

from __future__ import annotations

from collections.abc import Callable

from bci_app.engine.closing import RunResult, run_then_close
from bci_app.engine.monitor_session import MonitorPlan, MonitorSession
from bci_app.engine.reopening import BY_HAND, report_again
from bci_app.engine.session_signal import recorded_words


def record_and_report(plan: MonitorPlan, show: Callable[[MonitorSession], int]) -> RunResult:
    """Record a stream with its markers, and write ``report.html`` into the plan's folder, however it ends.

    Parameters
    ----------
    plan : MonitorPlan
        Its folder must exist.
    show : callable
        Starts the session, returns when it is over with an exit status; owner's thread.

    Raises
    ------
    SettingsError
        If the plan has no folder.
    BciError
        If the session cannot begin (see `MonitorSession`), or the disk refuses the results.
    """
    return run_then_close(plan.folder, lambda: MonitorSession(plan), show, _close)


def _close(session: MonitorSession) -> RunResult:
    folder = session.plan.folder
    assert folder is not None, "a recording has a folder"
    session.stop()
    ended = session.ended
    failed, reason = ended is not None and ended.fatal, BY_HAND if ended is None else ended.reason
    n_markers, report = session.counts["markers"], report_again(folder)
    told = f"{recorded_words(folder) or 'Nothing'} of signal and {n_markers:,} marker{'s' if n_markers != 1 else ''}"
    return RunResult(report, f"{reason} {told} were recorded in '{folder}'.", failed, reason if failed else "")
