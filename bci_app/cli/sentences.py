"""Commands that read sentences: ``read``, and what ``demo --read`` and ``replay`` do with a text bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bci_app.cli import terminal
from bci_app.cli.terminal import (
    Config,
    Device,
    Folder,
    Headless,
    Light,
    Offscreen,
    Participant,
    RequireGpu,
    Seconds,
    config_of,
    finish,
    override,
    progress,
    shown,
)

if TYPE_CHECKING:
    from bci_app.contract.bundle import Bundle
    from bci_app.engine.text_plan import TextPlan
    from bci_app.engine.text_settings import TextSettings

Sentences = Annotated[int | None, typer.Option("--sentences", help="End when so many sentences were read.")]
Beams = Annotated[
    int | None,
    typer.Option("--beams", help="Hypotheses kept while text is generated; 1 gives the first word soonest."),
]


def read(
    stream: Annotated[str | None, typer.Option(help="Name of the stream.")] = None,
    source_id: Annotated[
        str | None, typer.Option(help="source_id of the stream; the surest way to choose one.")
    ] = None,
    markers: Annotated[
        str | None,
        typer.Option(
            help="Name of the marker stream that tells sentences and words; that of `show` is 'bci-app sentences'."
        ),
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of channels whose sender gives none: uV.")] = None,
    decoder: Annotated[Path | None, typer.Option("--decoder", help="Folder of the text bundle.")] = None,
    beams: Beams = None,
    sentences: Sentences = None,
    participant: Participant = None,
    config: Config = None,
    headless: Headless = None,
    folder: Folder = Path("runs"),
    seconds: Seconds = None,
    offscreen: Offscreen = False,
    device: Device = None,
    require_gpu: RequireGpu = False,
    light: Light = False,
) -> None:
    """Read sentences from a live stream, word by word, beside what the same model makes of noise."""
    from bci_app.engine.settings import read_settings
    from bci_app.engine.summary import run_folder
    from bci_app.engine.text_plan import open_text_plan
    from bci_app.engine.text_settings import TextSettings
    from bci_app.streams.network import hush

    hush()
    values = read_settings(TextSettings, config_of(config, headless)).model_dump()
    values["stream"] = override(values["stream"], name=stream, source_id=source_id, markers=markers, unit=unit)
    settings = text_settings_of(
        "read", values, decoder=decoder, n_beams=beams, n_sentences=sentences, duration_s=seconds, device=device,
        require_gpu=require_gpu or None, participant=participant,
    )  # fmt: skip
    plan = open_text_plan(settings, "bci-app read", None)
    with run_folder(folder, "read") as plan.folder:
        live_text(plan, offscreen, light, headless is not None)


def text_settings_of(command: str, values: dict[str, Any], **given: Any) -> TextSettings:
    """Settings of a session with `values`, those given on the command line in their place."""
    from bci_app.engine.settings import parse_settings
    from bci_app.engine.text_settings import TextSettings

    return parse_settings(TextSettings, override(values, **given), f"The command line of {command}")


def live_text(plan: TextPlan, offscreen: bool, light: bool, headless: bool = False) -> None:
    """Run a session in its window, or without any, then write what it came to and print it."""
    from bci_app.engine.text_closing import run_text_and_report

    assert plan.folder is not None
    finish(run_text_and_report(plan, shown(plan.folder, offscreen, light, headless)))


def replay_text(
    settings: TextSettings,
    opened: Bundle,
    file: Path,
    speed: float,
    stream: str | None,
    unit: str | None,
    partial: bool,
    folder: Path,
    offscreen: bool,
    light: bool,
) -> None:
    """What ``replay`` does with a text bundle."""
    from bci_app.engine.summary import run_folder
    from bci_app.engine.text_plan import text_replay_plan

    terminal.use_private_lsl()
    with (
        text_replay_plan(settings, opened, file, speed, stream, unit, partial) as plan,
        run_folder(folder, "replay") as plan.folder,
    ):
        live_text(plan, offscreen, light)


def read_demo(
    *,
    sentences: int | None,
    sham: bool,
    seed: int | None,
    config: Path | None,
    folder: Path,
    offscreen: bool,
    device: str | None,
    require_gpu: bool,
    light: bool,
) -> None:
    """What ``demo --read`` does."""
    from bci_app.engine.settings import parse_settings, read_settings
    from bci_app.engine.summary import run_folder
    from bci_app.engine.text_demo import TextDemoSettings, text_demo_plan

    values = read_settings(TextDemoSettings, config).model_dump()
    values["session"] = override(
        values["session"], n_sentences=sentences, seed=seed, device=device, require_gpu=require_gpu or None
    )
    if seed is not None:
        values["participant"]["seed"] = seed
    if sham:
        values["participant"]["reading"]["information"] = 0.0
    settings = parse_settings(TextDemoSettings, values, "The demo's command line")
    terminal.use_private_lsl()
    with run_folder(folder, "demo-read") as place, progress() as tell, text_demo_plan(settings, place, tell) as plan:
        tell(1, 1, "connecting")
        tell(-1, 0, "")
        live_text(plan, offscreen, light)
