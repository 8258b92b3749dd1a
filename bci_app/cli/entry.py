"""The program ``bci-app``: its commands in the order of its help, and how an error leaves it."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer
from rich.table import Column, Table

from bci_app.cli.evolving import evolve
from bci_app.cli.keeping import doctor, export, participant, report
from bci_app.cli.making import calibrate, check
from bci_app.cli.reading import demo, replay, run
from bci_app.cli.recording import record
from bci_app.cli.sentences import read
from bci_app.cli.showing import show
from bci_app.cli.terminal import complain, err, out
from bci_app.cli.window import window
from bci_app.contract.errors import BciError

_INTERRUPTED = 130
_STREAM_COLUMNS = ("name", "type", "channels", "Hz", "unit", "host", "source_id")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    help="Live brain decoding: EEG, voxels or spike counts over Lab Streaming Layer in, reconstructed pictures and text out. "
    "Research software, not a medical device.",
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print what happens inside.")] = False,
) -> None:
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(levelname)s: %(message)s")
    logging.getLogger("bci_app").setLevel(logging.INFO if verbose else logging.WARNING)
    if context.invoked_subcommand is None:
        from bci_app.ui.app import has_display

        if has_display():
            window()
        else:
            out.print(context.get_help(), markup=False, highlight=False)


def streams(
    seconds: Annotated[float, typer.Option("--for", help="How long to look.")] = 1.5,
) -> None:
    """List the Lab Streaming Layer streams that answer."""
    from bci_app.contract.errors import NoStreamError
    from bci_app.engine.tables import plain_cells
    from bci_app.streams.lsl import discover
    from bci_app.streams.network import hush

    hush()
    found = discover(seconds)
    if not found:
        raise NoStreamError(
            f"At least one LSL stream was expected; none answered within {seconds:g} s. Start the amplifier's LSL sender, and "
            "check that the firewall lets UDP 16571 and TCP and UDP 16572 to 16604 through."
        )
    table = Table(*(Column(name, overflow="fold") for name in _STREAM_COLUMNS))
    for each in found:
        rate = "text" if each.text else f"{each.sfreq:g}"
        table.add_row(
            *plain_cells(
                each.name, each.type, str(each.n_channels), rate, each.unit or "-", each.hostname, each.source_id
            )
        )
    out.print(table)


app.command("app")(window)
for command in (demo, show, record, calibrate, run, replay, read, evolve, check, streams, report, export, doctor):
    app.command()(command)
app.add_typer(participant, name="participant")


def main() -> None:
    """Entry point: errors meant for the user become one paragraph and status 1."""
    try:
        app()
    except BciError as error:
        complain(str(error))
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as leaving:
        if isinstance(leaving, SystemExit) and leaving.code != _INTERRUPTED:
            raise
        err.print("Stopped.", markup=False)
        sys.exit(_INTERRUPTED)
