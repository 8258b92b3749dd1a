"""What the commands share: the terminal, options with one meaning everywhere, and a session in its window."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from bci_app.engine.closing import RunResult
    from bci_app.engine.plan import SessionPlan
    from bci_app.engine.settings import SessionSettings
    from bci_app.ui.app import WindowSession

_STARTED = time.time()

out = Console()
err = Console(stderr=True)

Config = Annotated[Path | None, typer.Option("--config", help="YAML file of settings; see configs/app.")]
Folder = Annotated[Path, typer.Option("--folder", help="Where run folders are made.")]
Offscreen = Annotated[
    bool, typer.Option("--offscreen", help="Draw the window without a display (chosen by itself where there is none).")
]
Device = Annotated[str | None, typer.Option("--device", help="Where models run: auto, cpu or gpu.")]
RequireGpu = Annotated[bool, typer.Option("--require-gpu", help="Make it an error if a model does not run on the GPU.")]
DecoderPath = Annotated[Path | None, typer.Option("--decoder", help="Folder of the decoder bundle.")]
GeneratorPath = Annotated[
    Path | None,
    typer.Option("--generator", help="Folder of the generator bundle (default: the one that comes with the program)."),
]
XdfStream = Annotated[str | None, typer.Option("--stream", help="XDF with several streams: name or id of the signal.")]
XdfUnit = Annotated[str | None, typer.Option("--unit", help="XDF: unit of channels that the file gives none for.")]
Partial = Annotated[bool, typer.Option("--partial", help="Take what is whole of an XDF file that was cut short.")]
Seconds = Annotated[float | None, typer.Option("--for", help="End after so many seconds.")]
Light = Annotated[bool, typer.Option("--light", help="Light window instead of dark.")]


def override(values: dict[str, Any], **given: Any) -> dict[str, Any]:
    """`values` with those given on the command line in their place."""
    return values | {name: value for name, value in given.items() if value is not None}


def settings_of(command: str, values: dict[str, Any], **given: Any) -> SessionSettings:
    """Settings of a session with `values`, those given on the command line in their place."""
    from bci_app.engine.settings import SessionSettings, parse_settings

    return parse_settings(SessionSettings, override(values, **given), f"The command line of {command}")


def use_private_lsl() -> None:
    """Streams of our own making stay on this machine, out of sight of others."""
    from uuid import uuid4

    from bci_app.streams.network import loopback_config, use_config

    use_config(loopback_config(f"bci-app-{uuid4().hex}"))


def progress() -> AbstractContextManager[Any]:
    from bci_app.engine.progress import progress_bar

    return progress_bar(err)


def live(plan: SessionPlan, offscreen: bool, light: bool) -> None:
    """Run a session in its window, then write what it came to and print it."""
    from bci_app.engine.closing import run_and_report

    assert plan.folder is not None
    finish(run_and_report(plan, in_window(plan.folder, offscreen, light), command_started_s=_STARTED))


def in_window(folder: Path, offscreen: bool, light: bool) -> Callable[[WindowSession], int]:
    """What shows a session in its window until its end, and leaves a picture of it in `folder`."""
    from bci_app.ui.app import has_display, run_window

    hidden = offscreen or not has_display()
    if hidden:
        err.print(
            "No display: the same window is drawn offscreen." if not offscreen else "The window is drawn offscreen.",
            markup=False,
        )
    return lambda session: run_window(
        session,
        offscreen=hidden,
        close_when_finished=hidden,
        screenshot=folder / "window.png",
        appearance="light" if light else "dark",
    )


def finish(result: RunResult, *more: str) -> None:
    """Print what a session came to, and `more` paragraphs; status 1 if it failed."""
    for paragraph in (result.paragraph, *more):
        out.print(paragraph, markup=False, highlight=False, soft_wrap=not out.is_terminal)
    out.print(f"Report: {result.report}", markup=False, highlight=False, soft_wrap=True)
    if result.reason:
        complain(result.reason)
    if result.failed:
        raise typer.Exit(1)


def complain(message: str) -> None:
    err.print(f"Error: {message}", style="bold red", markup=False, highlight=False, soft_wrap=not err.is_terminal)
