"""The command ``record``: signal and markers as they come, and nothing that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_app.cli.terminal import Folder, Participant, Seconds, finish, override, say
from bci_app.contract.errors import SettingsError


def record(
    stream: Annotated[str | None, typer.Option(help="Name of the stream.")] = None,
    source_id: Annotated[
        str | None, typer.Option(help="source_id of the stream; the surest way to choose one.")
    ] = None,
    markers: Annotated[
        str | None,
        typer.Option(help="Name of the marker stream of your stimulus program; that of `show` is 'bci-app sentences'."),
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of channels whose sender gives none: uV, count or au.")] = None,
    participant: Participant = None,
    folder: Folder = Path("runs"),
    seconds: Seconds = None,
) -> None:
    """Record a live stream with its markers, to train on; Ctrl-C ends it. The page Signal of the window does the same."""
    from bci_app.engine.headless import run_headless
    from bci_app.engine.monitor_closing import record_and_report
    from bci_app.engine.monitor_session import KIND, plan_monitor
    from bci_app.engine.participant_code import check_code
    from bci_app.engine.settings import StreamChoice, parse_settings
    from bci_app.engine.summary import run_folder
    from bci_app.streams.network import hush

    hush()
    if seconds is not None and seconds <= 0:
        raise SettingsError(
            f"A recording lasts more than 0 s; --for says {seconds:g}. Leave it out to end it with Ctrl-C."
        )
    if participant:
        check_code(participant)
    values = override({}, name=stream, source_id=source_id, markers=markers, unit=unit)
    plan = plan_monitor(parse_settings(StreamChoice, values, "The command line of record"), None, participant or "")
    plan.duration_s = seconds
    with run_folder(folder, KIND) as plan.folder:
        finish(record_and_report(plan, lambda session: run_headless(session, say)))
