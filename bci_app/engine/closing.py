"""From a plan to a finished run folder: run the session, stop it, write summary and report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from bci_app.contract.errors import RecordingError, SettingsError
from bci_app.engine.plan import SessionPlan
from bci_app.engine.report import write_report
from bci_app.engine.session import Session
from bci_app.engine.summary import paragraph, summarise, write_json

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class RunResult:
    """Where the results are, what they come to in one paragraph, and why the session failed, if it did."""

    report: Path
    paragraph: str
    failed: bool
    reason: str


def run_then_close(
    folder: Path | None, make: Callable[[], S], show: Callable[[S], int], close: Callable[[S], RunResult]
) -> RunResult:
    """Run the session that `make` builds, and close it with its results, however it ends.

    Raises
    ------
    SettingsError
        If there is no folder for the results.
    """
    if folder is None:
        raise SettingsError("A session with a report needs a folder to write it to; none was given.")
    session = make()
    try:
        status = show(session)
    finally:
        result = close(session)
    return replace(result, failed=result.failed or bool(status))


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
    return run_then_close(
        plan.folder, lambda: Session(plan), show, lambda session: close_and_report(session, command_started_s)
    )


def close_and_report(session: Session, command_started_s: float | None = None) -> RunResult:
    """Stop a session with a folder, and write ``summary.json`` and ``report.html`` into it; any one thread.

    Parameters
    ----------
    session : Session
        Started, and it may be stopped.
    command_started_s : float, optional
        See `run_and_report`.

    Raises
    ------
    RecordingError
        If the disk refuses; what the session came to is told with it, since it stands nowhere else.
    """
    folder = session.plan.folder
    assert folder is not None, "a session without a folder has no report"
    session.stop()
    summary = summarise(session)
    first = session.latency.first_handed_s
    at = None if first is None else first + time.time() - session.clock()
    summary["first_picture_at"] = at
    summary["first_picture_after_s"] = None if at is None or command_started_s is None else at - command_started_s
    told = paragraph(summary)
    return keep_results(folder, summary, told, lambda: write_report(folder, summary, session.identification()))


def keep_results(folder: Path, summary: dict[str, Any], told: str, write: Callable[[], Path]) -> RunResult:
    """Write ``summary.json`` into `folder`, and the report by `write`, which returns its path; `told` is what it comes to.

    Raises
    ------
    RecordingError
        If the disk refuses; `told` is said with it, since it stands nowhere else.
    """
    try:
        write_json(folder / "summary.json", summary)
        report = write()
    except RecordingError as error:
        raise RecordingError(f"{told} {error}") from None
    return RunResult(report, told, summary["failed"], summary["ended"] if summary["failed"] else "")
