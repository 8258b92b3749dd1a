"""The command that opens the window from which whole sessions are run: ``app``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_app.cli.terminal import Offscreen, Seconds


def window(
    page: Annotated[
        str | None, typer.Option("--page", help="Page to begin with (default: that of the last time).")
    ] = None,
    remembered: Annotated[
        Path | None,
        typer.Option(
            "--remembered", help="File in which choices are kept (default: in the user's configuration folder)."
        ),
    ] = None,
    light: Annotated[
        bool | None, typer.Option("--light/--dark", help="Light or dark window (default: as the last time).")
    ] = None,
    seconds: Seconds = None,
    screenshot: Annotated[
        Path | None, typer.Option("--screenshot", help="With --for: leave a picture of the window there.")
    ] = None,
    offscreen: Offscreen = False,
) -> None:
    """Open the window from which whole sessions are run: connect, see, calibrate, decode, evolve, read."""
    from bci_app.engine.workplace import default_file
    from bci_app.streams.network import hush
    from bci_app.ui.app import run_instrument

    hush()
    status = run_instrument(
        remembered or default_file(),
        offscreen=offscreen,
        page=page,
        appearance=None if light is None else "light" if light else "dark",
        seconds=seconds,
        screenshot=screenshot,
    )
    if status:
        raise typer.Exit(status)
