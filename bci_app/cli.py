"""The command line: ``bci-app demo``, ``calibrate``, ``run``, ``replay``, ``check``, ``streams``.

An error meant for the user is printed as one paragraph and ends the program with status 1; nothing heavy is imported
before a command needs it.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from bci_app.contract.errors import BciError, SignalError

if TYPE_CHECKING:
    from bci_app.contract.manifest import DecoderManifest
    from bci_app.engine.calibration_run import CalibrationResult
    from bci_app.engine.plan import SessionPlan
    from bci_app.engine.settings import SessionSettings

_STARTED = time.time()
_INTERRUPTED = 130
_STREAM_COLUMNS = ("name", "type", "channels", "Hz", "unit", "host", "source_id")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    help="Live brain decoding: EEG, voxels or spike counts over Lab Streaming Layer in, reconstructed pictures out. "
    "Research software, not a medical device.",
)
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


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print what happens inside.")] = False,
) -> None:
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(levelname)s: %(message)s")
    logging.getLogger("bci_app").setLevel(logging.INFO if verbose else logging.WARNING)
    if context.invoked_subcommand is None:
        out.print(context.get_help(), markup=False, highlight=False)


@app.command()
def demo(
    trials: Annotated[int | None, typer.Option(help="Trials to read.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the participant and of the pictures.")] = None,
    config: Config = None,
    folder: Folder = Path("runs"),
    offscreen: Offscreen = False,
    device: Device = None,
    require_gpu: RequireGpu = False,
    light: Light = False,
) -> None:
    """Calibrate a simulated participant, show it pictures, and read them live from its EEG."""
    from bci_app.engine.demo import demo_plan
    from bci_app.engine.settings import DemoSettings, parse_settings, read_settings
    from bci_app.engine.summary import run_folder

    settings = read_settings(DemoSettings, config)
    session = _override(settings.session.model_dump(), device=device, require_gpu=require_gpu or None, seed=seed)
    if trials is not None:
        session["presentation"]["n_trials"] = trials
    values = settings.model_dump() | {"session": session}
    if seed is not None:
        values["participant"]["seed"] = seed
    settings = parse_settings(DemoSettings, values, "The demo's command line")
    _use_private_lsl()
    with run_folder(folder, "demo") as place, _progress() as tell, demo_plan(settings, place, tell) as plan:
        tell(1, 1, "connecting")
        tell(-1, 0, "")
        _live(plan, offscreen, light)


@app.command()
def calibrate(
    recordings: Annotated[
        list[Path],
        typer.Argument(
            help="Run folders of this program, or XDF, FIF, BrainVision, EDF, BDF, EEGLAB; one participant and cap."
        ),
    ],
    pictures: Annotated[
        Path | None,
        typer.Option(
            help="Where the pictures are: a folder of images named like the markers, a table (.tsv, .csv) with the columns "
            "marker and file, or a run folder. A run folder that is calibrated on holds its own."
        ),
    ] = None,
    generator: GeneratorPath = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Folder of the decoder (default: a new one in --folder).")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the decoder (default: that of the recording).")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="YAML file of a recipe; see configs/app.")] = None,
    leave_out: Annotated[list[str], typer.Option("--leave-out", help="Channel not to use; may be repeated.")] = [],  # noqa: B006
    stream: XdfStream = None,
    unit: XdfUnit = None,
    partial: Partial = False,
    keep_anyway: Annotated[
        bool, typer.Option("--keep-anyway", help="Write the decoder even if it does not read better than chance.")
    ] = False,
    folder: Folder = Path("runs"),
    device: Device = None,
    require_gpu: RequireGpu = False,
) -> None:
    """Make a decoder from recordings and the pictures shown in them, and say how well it reads new pictures."""
    from bci_app.calibration.recipe import CalibrationRecipe
    from bci_app.engine.calibration_run import CalibrationRequest, check_place, keep, run_calibration
    from bci_app.engine.settings import read_settings
    from bci_app.engine.summary import run_folder

    where = _settings("calibrate", {}, device=device, require_gpu=require_gpu or None)
    request = CalibrationRequest(
        tuple(recordings), pictures, generator, name, read_settings(CalibrationRecipe, config), tuple(leave_out),
        stream, unit, partial, where.device, where.require_gpu,
    )  # fmt: skip
    if to is not None:
        check_place(to)
    with _progress() as tell:
        result = run_calibration(request, tell, " ".join(("bci-app", *sys.argv[1:])))
        tell(-1, 0, "")
    _tell_figures(result, len(recordings))
    if not (result.convincing or keep_anyway or _wanted_anyway()):
        raise SignalError(
            "The decoder is not written, since its figures do not show that it reads pictures. Record more trials, check "
            "electrodes and markers, or write it all the same with --keep-anyway."
        )
    if to is not None:
        place = keep(result, to).folder
    else:
        with run_folder(folder, "calibrate") as new:
            place = keep(result, new / "decoder").folder
    out.print(f"Decoder: {place}", markup=False, highlight=False, soft_wrap=True)


def _tell_figures(result: CalibrationResult, n_recordings: int) -> None:
    """The cross-validated figure beside its controls, what was left out of training for it, and what it allows to say."""
    from bci_app.engine.tables import score_table

    out.print(score_table([result.score]))
    together = f", trials of {n_recordings} recordings together" if n_recordings > 1 else ""
    out.print(f"Held out: {result.score.held_out}{together}", markup=False, highlight=False, soft_wrap=True)
    out.print(result.verdict, markup=False, highlight=False, soft_wrap=not out.is_terminal)


def _wanted_anyway() -> bool:
    """Whether somebody at a terminal wants a decoder that does not read."""
    return sys.stdin.isatty() and out.is_terminal and typer.confirm("Write the decoder all the same?")


@app.command()
def run(
    stream: Annotated[str | None, typer.Option(help="Name of the stream.")] = None,
    source_id: Annotated[
        str | None, typer.Option(help="source_id of the stream; the surest way to choose one.")
    ] = None,
    markers: Annotated[str | None, typer.Option(help="Name of the marker stream that cuts the trials.")] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of channels whose sender gives none: uV, count or au.")] = None,
    decoder: DecoderPath = None,
    generator: GeneratorPath = None,
    config: Config = None,
    folder: Folder = Path("runs"),
    seconds: Seconds = None,
    offscreen: Offscreen = False,
    device: Device = None,
    require_gpu: RequireGpu = False,
    light: Light = False,
) -> None:
    """Read a live stream with a decoder bundle."""
    from bci_app.engine.opening import open_plan
    from bci_app.engine.settings import SessionSettings, read_settings
    from bci_app.engine.summary import run_folder
    from bci_app.streams.network import hush

    hush()
    values = read_settings(SessionSettings, config).model_dump()
    values["stream"] = _override(values["stream"], name=stream, source_id=source_id, markers=markers, unit=unit)
    settings = _settings(
        "run", values, decoder=decoder, generator=generator, duration_s=seconds, device=device,
        require_gpu=require_gpu or None,
    )  # fmt: skip
    plan = open_plan(settings, "bci-app", None)
    with run_folder(folder, "run") as plan.folder:
        _live(plan, offscreen, light)


@app.command()
def replay(
    file: Annotated[
        Path, typer.Argument(help="XDF, FIF, BrainVision, EDF, BDF, EEGLAB, npz of our own, or a run folder.")
    ],
    decoder: DecoderPath = None,
    generator: GeneratorPath = None,
    speed: Annotated[float, typer.Option(help="Times real time; 0 for as fast as it goes.")] = 1.0,
    stream: XdfStream = None,
    unit: XdfUnit = None,
    partial: Partial = False,
    folder: Folder = Path("runs"),
    seconds: Seconds = None,
    offscreen: Offscreen = False,
    device: Device = None,
    require_gpu: RequireGpu = False,
    light: Light = False,
) -> None:
    """Play a recording as a live LSL stream and read it; marked REPLAY wherever it is seen."""
    from bci_app.engine.opening import replay_plan
    from bci_app.engine.summary import run_folder

    settings = _settings(
        "replay", {}, decoder=decoder, generator=generator, duration_s=seconds, device=device,
        require_gpu=require_gpu or None,
    )  # fmt: skip
    _use_private_lsl()
    with replay_plan(settings, file, speed, stream, unit, partial) as plan, run_folder(folder, "replay") as plan.folder:
        _live(plan, offscreen, light)


@app.command()
def check(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    device: Device = None,
    require_gpu: RequireGpu = False,
) -> None:
    """Verify a bundle: manifest, hashes, graph, golden vectors on this machine."""
    from bci_app.contract.bundle import open_bundle
    from bci_app.contract.manifest import DecoderManifest, ImageModelManifest
    from bci_app.engine.tables import score_table
    from bci_app.inference.decoder import Decoder
    from bci_app.inference.generator import Generator
    from bci_app.inference.image_model import ImageModel

    opened = open_bundle(bundle)
    where: Any = device or "auto"
    kinds: Any = {"generator": Generator, "image-model": ImageModel}
    manifest = opened.manifest
    model = kinds.get(manifest.kind, Decoder).open(opened, device=where, require_gpu=require_gpu)
    out.print(f"Bundle '{manifest.name}' ({manifest.kind}) is sound.", markup=False)
    out.print(f"Golden vectors agree on: {model.device}", markup=False)
    if isinstance(manifest, ImageModelManifest):
        _tell_layers(model.layers)
    else:
        out.print(f"Latent space {manifest.latent_space.id}: {manifest.latent_space.dim} numbers", markup=False)
    if isinstance(manifest, DecoderManifest):
        _tell_input(manifest)
    if manifest.metrics:
        out.print(score_table(manifest.metrics))
    for held_out in dict.fromkeys(score.held_out for score in manifest.metrics):
        out.print(f"Held out: {held_out}", markup=False, highlight=False)


def _tell_layers(layers: Mapping[str, tuple[int, ...]]) -> None:
    """What of an image model can be driven."""
    units = ", ".join(f"{name} ({' x '.join(map(str, shape))})" for name, shape in layers.items())
    out.print(f"Layers and their sizes: {units}", markup=False, highlight=False)


def _tell_input(manifest: DecoderManifest) -> None:
    """What a decoder reads, and when a trial of it begins if that is not at its marker."""
    from bci_app.contract.windowing import marker_latency_s

    what = f"{manifest.signal} of {len(manifest.channels):,} {manifest.channel_word}"
    out.print(f"Reads: {what} at {manifest.sfreq:g} Hz", markup=False, highlight=False)
    later_s = marker_latency_s(manifest.cut)
    if later_s:
        out.print(f"Onset of a trial: {1000 * later_s:.0f} ms after its marker", markup=False, highlight=False)


@app.command()
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


def _override(values: dict[str, Any], **given: Any) -> dict[str, Any]:
    """`values` with those given on the command line in their place."""
    return values | {name: value for name, value in given.items() if value is not None}


def _settings(command: str, values: dict[str, Any], **given: Any) -> SessionSettings:
    """Settings of a session with `values`, those given on the command line in their place."""
    from bci_app.engine.settings import SessionSettings, parse_settings

    return parse_settings(SessionSettings, _override(values, **given), f"The command line of {command}")


def _use_private_lsl() -> None:
    """Streams of our own making stay on this machine, out of sight of others."""
    from uuid import uuid4

    from bci_app.streams.network import loopback_config, use_config

    use_config(loopback_config(f"bci-app-{uuid4().hex}"))


def _progress() -> AbstractContextManager[Any]:
    from bci_app.engine.progress import progress_bar

    return progress_bar(err)


def _live(plan: SessionPlan, offscreen: bool, light: bool) -> None:
    """Run a session in its window, then write what it came to and print it."""
    from bci_app.engine.closing import run_and_report
    from bci_app.ui.app import has_display, run_window

    assert plan.folder is not None
    hidden = offscreen or not has_display()
    if hidden:
        err.print(
            "No display: the same window is drawn offscreen." if not offscreen else "The window is drawn offscreen.",
            markup=False,
        )
    screenshot = plan.folder / "window.png"
    result = run_and_report(
        plan,
        lambda session: run_window(
            session,
            offscreen=hidden,
            close_when_finished=hidden,
            screenshot=screenshot,
            appearance="light" if light else "dark",
        ),
        command_started_s=_STARTED,
    )
    out.print(result.paragraph, markup=False, highlight=False, soft_wrap=not out.is_terminal)
    out.print(f"Report: {result.report}", markup=False, highlight=False, soft_wrap=True)
    if result.reason:
        _complain(result.reason)
    if result.failed:
        raise typer.Exit(1)


def _complain(message: str) -> None:
    err.print(f"Error: {message}", style="bold red", markup=False, highlight=False, soft_wrap=not err.is_terminal)


def main() -> None:
    """Entry point: errors meant for the user become one paragraph and status 1."""
    try:
        app()
    except BciError as error:
        _complain(str(error))
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as leaving:
        if isinstance(leaving, SystemExit) and leaving.code != _INTERRUPTED:
            raise
        err.print("Stopped.", markup=False)
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
