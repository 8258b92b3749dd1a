"""What was recorded, just now or on another day: its report, and of pictures the decoder that is made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject

from bci_app.ui.background import OnProgress, Task
from bci_app.ui.pages.session_page import WRITING_S

if TYPE_CHECKING:
    from bci_app.contract.bundle import Bundle
    from bci_app.engine.calibration_run import CalibrationRequest, CalibrationResult
    from bci_app.engine.calibration_session import CalibrationSession


@dataclass(frozen=True, slots=True)
class Recorded:
    """A session of pictures that has ended, of which a decoder can be made.

    `ask` gives what it is made from, in a thread of its own; `onsets` says how well pictures came on time, if that is known.
    """

    folder: Path
    generator: Path | None
    ask: Callable[[], CalibrationRequest]
    onsets: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A decoder that waits for a decision; it is kept beside its recording in any case."""

    result: CalibrationResult
    bundle: Bundle
    generator: Path | None


def recorded_now(session: CalibrationSession, name: str, ending: Task) -> Recorded:
    """What a session has left, which is asked for once its `ending` is over; `name` is that of the decoder."""
    plan, row = session.plan, session.onsets

    def ask() -> CalibrationRequest:
        from bci_app.engine.calibration_session import request_of

        ending.join(WRITING_S)
        return request_of(plan, name)

    late = f"{row.late} of {row.n} onsets were late by a frame or more ({row.p99_ms:.1f} ms at p99)."
    return Recorded(Path(str(plan.folder)), plan.settings.generator, ask, late)


def recorded_before(folder: Path, generator: Path | None, device: Literal["auto", "cpu", "gpu"]) -> Recorded:
    """What lies in the folder of a calibration, however it ended."""

    def ask() -> CalibrationRequest:
        from bci_app.engine.calibration_session import request_again

        return request_again(folder, generator, device)

    return Recorded(folder, generator, ask)


def make_decoder(recorded: Recorded, tell: OnProgress) -> Made:
    """Make the decoder, and keep it beside the recording; a thread of its own.

    Raises
    ------
    BciError
        As `run_calibration` and `keep`.
    """
    from bci_app.engine.calibration_run import keep, run_calibration

    result = run_calibration(recorded.ask(), tell, "bci-app app, page Calibrate")
    tell(1, 1, "keeping the decoder")  # one that was given up is not kept: another may be on its way there
    return Made(result, keep(result, recorded.folder / "decoder"), recorded.generator)


def report_task(folder: Path, parent: QObject, after: Task | None = None) -> Task:
    """What writes the report of a recording that has ended, once `after` is over: it may be of the same folder."""

    def write(tell: OnProgress) -> Path:
        from bci_app.engine.reopening import report_again

        if after is not None:
            after.join(WRITING_S)
        return report_again(folder)

    return Task(write, "report of a recording", parent=parent)
