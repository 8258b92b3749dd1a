"""From a plan to a finished run folder: run the session, stop it, write summary and report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bci_app.contract.errors import SettingsError
from bci_app.engine.plan import SessionPlan
from bci_app.engine.report import write_report
from bci_app.engine.session import Session
from bci_app.engine.summary import paragraph, summarise, write_json


@dataclass(frozen=True, slots=True)
class RunResult:
    """Where the results are, what they come to in one paragraph, and why the session failed, if it did."""

    report: Path
    paragraph: str
    failed: bool
    reason: str


def run_and_report(plan: SessionPlan, show: Callable[[Session], int], command_started_s: float) -> RunResult:
    """Run a session and write ``summary.json`` and ``report.html`` into the plan's folder, however it ends.

    Parameters
    ----------
    plan : SessionPlan
        Its folder must exist.
    show : callable
        Starts the session, returns when it is over with the exit status of the window; owner's thread.
    command_started_s : float
        Unix time at which the command began, to tell how long the first picture took.
    """
    if plan.folder is None:
        raise SettingsError("A session with a report needs a folder to write it to; none was given.")
    session = Session(plan)
    offset = time.time() - session.clock()
    try:
        status = show(session)
    finally:
        session.stop()
        summary = summarise(session)
        first = session.latency.first_handed_s
        summary["first_picture_at"] = None if first is None else first + offset
        summary["first_picture_after_s"] = None if first is None else first + offset - command_started_s
        write_json(plan.folder / "summary.json", summary)
        report = write_report(plan.folder, summary, session.identification())
    failed = bool(status) or summary["failed"]
    return RunResult(report, paragraph(summary), failed, summary["ended"] if summary["failed"] else "")
