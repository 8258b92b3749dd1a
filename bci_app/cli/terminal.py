"""What the commands share: the terminal, options with one meaning everywhere, and a session in its window."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from bci_app.contract.errors import SettingsError

if TYPE_CHECKING:
    from bci_app.engine.closing import RunResult
    from bci_app.engine.plan import SessionPlan
    from bci_app.engine.settings import SessionSettings

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


def _warn_of_name(code: str | None) -> str | None:
    """Say on the terminal that what was given as a code may be a name."""
    from bci_app.engine.participant_code import warning

    words = warning(code or "")
    if words:
        say(f"Note: {words}")
    return code


Participant = Annotated[
    str | None,
    typer.Option("--participant", callback=_warn_of_name, help="Code of the participant, such as P07; never a name."),
]
Headless = Annotated[
    Path | None,
    typer.Option("--headless", help="Without any window: YAML file of settings, as --config; progress is printed."),
]
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


def live(plan: SessionPlan, offscreen: bool, light: bool, headless: bool = False) -> None:
    """Run a session in its window, or without any, then write what it came to and print it."""
    from bci_app.engine.closing import run_and_report

    assert plan.folder is not None
    finish(run_and_report(plan, shown(plan.folder, offscreen, light, headless), command_started_s=_STARTED))


def config_of(config: Path | None, headless: Path | None) -> Path | None:
    """The file of settings, which --config and --headless both name."""
    if config is not None and headless is not None:
        raise SettingsError(
            "Settings come from one file: give it with --config, or with --headless to run without a window."
        )
    return headless or config


def shown(folder: Path, offscreen: bool, light: bool, headless: bool) -> Callable[[Any], int]:
    """What runs a session until its end: `headless` on the terminal alone, else in a window.

    The window leaves a picture of itself in `folder`.
    """
    if headless:
        from bci_app.engine.headless import run_headless

        return lambda session: run_headless(session, say)
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


def say(message: str) -> None:
    """A line about what happens, beside the results."""
    err.print(message, markup=False, highlight=False, soft_wrap=not err.is_terminal)


def complain(message: str) -> None:
    err.print(f"Error: {message}", style="bold red", markup=False, highlight=False, soft_wrap=not err.is_terminal)
