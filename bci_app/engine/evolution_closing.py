"""From a plan to a finished run folder of an evolution: run the session, stop it, write summary and report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bci_app.contract.errors import RecordingError
from bci_app.engine.closing import RunResult, run_then_close
from bci_app.engine.evolution_plan import EvolutionPlan
from bci_app.engine.evolution_report import write_evolution_report
from bci_app.engine.evolution_session import EvolutionSession
from bci_app.engine.evolution_summary import evolution_paragraph, summarise_evolution
from bci_app.engine.summary import write_json


def run_evolution_and_report(plan: EvolutionPlan, show: Callable[[EvolutionSession], int]) -> RunResult:
    """Run an evolution and write ``summary.json`` and ``report.html`` into the plan's folder, however it ends.

    Parameters
    ----------
    plan : EvolutionPlan
        Its folder must exist.
    show : callable
        Starts the session, returns when it is over with the exit status of the window; owner's thread.

    Raises
    ------
    SettingsError
        If the plan has no folder.
    BciError
        If the session cannot begin (see `EvolutionSession`), or the disk refuses the results.
    """
    return run_then_close(plan.folder, lambda: EvolutionSession(plan), show, close_evolution_and_report)


def close_evolution_and_report(session: EvolutionSession) -> RunResult:
    """Stop a session with a folder, and write ``summary.json`` and ``report.html`` into it; any one thread.

    Raises
    ------
    RecordingError
        If the disk refuses what it has not refused during the session.
    """
    folder = session.plan.folder
    assert folder is not None, "a session without a folder has no report"
    session.stop()
    summary = summarise_evolution(session)
    report = _write(folder, summary, session)
    reason = summary["ended"] if summary["failed"] else ""
    return RunResult(report, evolution_paragraph(summary), summary["failed"], reason)


def _write(folder: Path, summary: dict[str, Any], session: EvolutionSession) -> Path:
    """Write summary and report, and give the report's path; the folder's if a full disk, already told, allows neither."""
    try:
        write_json(folder / "summary.json", summary)
        return write_evolution_report(folder, summary, session.evolution())
    except RecordingError:
        if summary["failed"]:
            return folder
        raise
