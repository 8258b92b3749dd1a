"""Commands about what is kept: ``report``, ``export``, ``participant export`` and ``participant delete``; and ``doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bci_app.cli.terminal import Folder, out, progress, say
from bci_app.contract.errors import SettingsError

if TYPE_CHECKING:
    from bci_app.engine.doctor import Check

SessionFolder = Annotated[
    Path, typer.Argument(help="Folder of a session, as the program printed it; also of one that was killed.")
]
Code = Annotated[str, typer.Argument(help="Code of the participant, such as P07.")]
_SIGNS = {"fine": "ok", "note": "note", "wrong": "WRONG"}
_STYLES = {"fine": "green", "note": "yellow", "wrong": "bold red"}

participant = typer.Typer(help="All data of one participant: export them whole, or delete them whole.")


class Format(StrEnum):
    """What a session is exported as."""

    xdf = "xdf"
    bids = "bids"


def report(session: SessionFolder) -> None:
    """Write the report of any session anew, also of one that was killed."""
    from bci_app.engine.reopening import report_again

    _tell(f"Report: {report_again(session)}")


def export(
    session: SessionFolder,
    to: Annotated[Format, typer.Option("--to", help="xdf, or bids (needs bci-app[bids]).")] = Format.xdf,
    place: Annotated[
        Path, typer.Option("--out", help="Folder that the files are put into, or of the BIDS data set.")
    ] = Path("exports"),
    subject: Annotated[
        str, typer.Option("--subject", help="Code of the participant (default: that of the session).")
    ] = "",
) -> None:
    """Export signal and markers of a session, without names, devices and dates."""
    from bci_app.engine.export import export_session
    from bci_app.engine.participant_code import check_code

    if subject:
        check_code(subject)
    for path in export_session(session, "bids" if to is Format.bids else "xdf", place, subject):
        _tell(f"Exported: {path}")


@participant.command("export")
def export_data(
    code: Code,
    to: Annotated[
        Path | None, typer.Option("--out", help="The zip file (default: CODE.zip in the working folder).")
    ] = None,
    folder: Folder = Path("runs"),
) -> None:
    """Write all that belongs to a participant into one zip file, with a table of contents and checksums."""
    from bci_app.engine.participants import export_participant

    path = to or Path(f"{code}.zip")
    with progress() as tell:
        n_files, n_bytes = export_participant(folder, code, path, tell)
        tell(-1, 0, "")
    _tell(f"{n_files} files, {n_bytes / 1e6:,.1f} MB, of participant {code}: {path}")


@participant.command("delete")
def delete_data(
    code: Code,
    yes: Annotated[
        str | None, typer.Option("--yes", help="The code once more, instead of typing it when asked.")
    ] = None,
    folder: Folder = Path("runs"),
) -> None:
    """Delete all that belongs to a participant for good: sessions, and the decoders made of them."""
    from bci_app.engine.participants import belongings, delete_participant

    for entry in belongings(folder, code):
        say(f"{entry.folder}: {entry.kind}, {entry.began or 'no date'}, {entry.n_bytes / 1e6:,.1f} MB")
    if yes is None:
        if not _somebody_types():
            raise SettingsError(
                f"To delete all data of participant '{code}' the code must be typed once more. Give it with --yes {code}."
            )
        yes = typer.prompt("All of this is deleted for good. Type the code once more", default="", show_default=False)
    deleted = delete_participant(folder, code, yes)
    for each in deleted.folders:
        _tell(f"Deleted: {each}")
    _tell(
        f"{deleted.n_files} files, {deleted.n_bytes / 1e6:,.1f} MB. What was exported, or written elsewhere with --out, is not "
        "known to the program: delete it yourself."
    )


def doctor(
    folder: Folder = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Look at this machine: versions, what models really run on, LSL, ports, display, disk; and say what is wrong."""
    from bci_app.engine.doctor import examine
    from bci_app.streams.network import config_in_force, hush
    from bci_app.ui.app import has_display

    config = config_in_force()
    hush()
    checks = list(examine(folder, has_display(), config))
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=1))
    else:
        _print_checks(checks)
    if any(check.state == "wrong" for check in checks):
        raise typer.Exit(1)


def _print_checks(checks: list[Check]) -> None:
    """A table with a section for each topic, then what to do."""
    from rich.table import Column, Table
    from rich.text import Text

    table = Table("", "", Column("found", overflow="fold"), "")
    for topic, of_topic in groupby(checks, key=lambda check: check.topic):
        for number, check in enumerate(of_topic):
            sign = Text(_SIGNS[check.state], style=_STYLES[check.state])
            table.add_row("" if number else topic, Text(check.name), Text(check.value), sign)
        table.add_section()
    out.print(table)
    for check in (each for each in checks if each.advice):
        _tell(f"{_SIGNS[check.state]}: {check.name}: {check.advice}")
    if not any(check.state == "wrong" for check in checks):
        _tell("Nothing that a session needs is wrong.")


def _somebody_types() -> bool:
    import sys

    return sys.stdin.isatty() and out.is_terminal


def _tell(line: str) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True)
