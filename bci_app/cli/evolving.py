"""Commands that evolve pictures: ``evolve``, and what ``demo --evolve`` does."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bci_app.cli import terminal
from bci_app.cli.terminal import (
    Config,
    Device,
    Folder,
    GeneratorPath,
    Headless,
    Light,
    Offscreen,
    Participant,
    RequireGpu,
    config_of,
    finish,
    override,
    progress,
    shown,
)
from bci_app.contract.errors import RateError, SettingsError

if TYPE_CHECKING:
    from bci_app.engine.evolution_demo import EvolutionDemoSettings
    from bci_app.engine.evolution_plan import EvolutionPlan
    from bci_app.engine.evolution_session import EvolutionSession

Resume = Annotated[
    Path | None, typer.Option("--resume", help="Folder of a run that was stopped: go on where it stood.")
]
Generations = Annotated[int | None, typer.Option("--generations", help="Generations to score.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")]
SHIPPED = "classifier64"


def evolve(
    stream: Annotated[str | None, typer.Option(help="Name of the stream.")] = None,
    source_id: Annotated[
        str | None, typer.Option(help="source_id of the stream; the surest way to choose one.")
    ] = None,
    sfreq: Annotated[float | None, typer.Option(help="Sampling rate of the stream, Hz.")] = None,
    channel: Annotated[
        list[str],
        typer.Option(
            "--channel",
            help="Electrode whose amplitude is driven, may be repeated; with --unit the number of the unit in its layer.",
        ),
    ] = [],  # noqa: B006
    start: Annotated[
        float | None, typer.Option("--start", help="Response from so many seconds after the picture on.")
    ] = None,
    stop: Annotated[
        float | None, typer.Option("--stop", help="Response until so many seconds after the picture.")
    ] = None,
    rating: Annotated[bool, typer.Option("--rating", help="A person rates each picture with the number keys.")] = False,
    unit: Annotated[
        str | None,
        typer.Option(
            "--unit",
            help=f"Drive a unit of this image model instead of a brain: a bundle, an ONNX file, or {SHIPPED}, which comes "
            "with the program.",
        ),
    ] = None,
    layer: Annotated[str | None, typer.Option("--layer", help="Layer of the unit (default: the last).")] = None,
    generator: GeneratorPath = None,
    optimiser: Annotated[
        str | None,
        typer.Option(
            "--optimiser", help="guided (the default), genetic, diagonal-cma, full-cma, spherical-cma or random."
        ),
    ] = None,
    generations: Generations = None,
    population: Annotated[int | None, typer.Option("--population", help="New pictures per generation.")] = None,
    repeats: Annotated[int | None, typer.Option("--repeats", help="Presentations per picture and generation.")] = None,
    sham: Annotated[
        str | None,
        typer.Option("--sham", help="Control with the same timing, scores dealt at random: off, on or blind."),
    ] = None,
    seed: Seed = None,
    participant: Participant = None,
    config: Config = None,
    headless: Headless = None,
    folder: Folder = Path("runs"),
    resume: Resume = None,
    screen: Annotated[
        int | None, typer.Option("--screen", help="Show pictures full screen on this screen, from 0.")
    ] = None,
    windowed: Annotated[bool, typer.Option("--windowed", help="Show pictures inside the window.")] = False,
    offscreen: Offscreen = False,
    device: Device = None,
    require_gpu: RequireGpu = False,
    light: Light = False,
) -> None:
    """Evolve pictures that drive a response: of an EEG channel, of neurons, of a person who rates, or of a network."""
    from bci_app.engine.evolution_plan import open_evolution
    from bci_app.engine.evolution_resume import saved_settings
    from bci_app.engine.evolution_settings import EvolutionSettings
    from bci_app.engine.settings import parse_settings, read_settings
    from bci_app.engine.summary import run_folder
    from bci_app.streams.network import hush

    config = config_of(config, headless)
    base = saved_settings(resume) if resume and not config else read_settings(EvolutionSettings, config)
    values = override(
        base.model_dump(), generator=generator, n_generations=generations, repeats=repeats, sham=sham, seed=seed,
        device=device, require_gpu=require_gpu or None, participant=participant,
    )  # fmt: skip
    values["stream"] = override(values["stream"], name=stream, source_id=source_id)
    if optimiser is not None and optimiser != values["optimiser"]["kind"]:
        values["optimiser"] = {"kind": optimiser}
    planned = generations if resume is None and "n_generations" in values["optimiser"] else None
    values["optimiser"] = override(values["optimiser"], population=population, n_generations=planned)
    values["stimulus"] = _stimulus(values["stimulus"], screen, windowed)
    values["response"] = _response(values["response"], rating, unit, layer, channel, start, stop, sfreq)
    settings = parse_settings(EvolutionSettings, values, "The command line of evolve")
    if headless is not None and settings.response.kind != "unit":
        raise SettingsError(
            "Pictures that evolve are shown on a screen, and without a window there is none. Only the unit of an image model "
            "(response.kind: unit) answers without seeing one. Drive such a unit, or run without --headless."
        )
    hush()
    if resume is not None:
        plan = open_evolution(settings, "bci-app evolve", resume, resume=True)
        _live(plan, "bci-app evolve", offscreen, light, headless=headless is not None)
        return
    plan = open_evolution(settings, "bci-app evolve", None)
    with run_folder(folder, "evolve") as plan.folder:
        try:
            _live(plan, "bci-app evolve", offscreen, light, headless=headless is not None)
        except RateError as error:
            raise RateError(
                f"{error} A response can be measured at any rate: give the stream's with --sfreq."
            ) from None


def _stimulus(values: dict[str, Any], screen: int | None, windowed: bool) -> dict[str, Any]:
    if windowed and screen is not None:
        raise SettingsError("Pictures are shown on a screen (--screen) or inside the window (--windowed); choose one.")
    if windowed:
        return values | {"where": "window", "screen": None}
    return values if screen is None else values | {"where": "full-screen", "screen": screen}


def _response(
    values: dict[str, Any],
    rating: bool,
    unit: str | None,
    layer: str | None,
    channels: list[str],
    start: float | None,
    stop: float | None,
    sfreq: float | None,
) -> dict[str, Any]:
    """The response of the settings, or the kind that is named instead; what does not belong to it is refused by its name."""
    if rating and unit is not None:
        raise SettingsError("A response is a rating (--rating) or that of a unit (--unit); choose one.")
    kind = "rating" if rating else "unit" if unit is not None else values["kind"]
    if kind != values["kind"]:
        values = {"kind": kind}
    if kind == "unit":
        if len(channels) > 1:
            raise SettingsError(f"One unit is driven, so --channel is given once; got {', '.join(channels)}.")
        model = None if unit in (None, SHIPPED) else unit
        channel = channels[0] if channels else None
        return override(values, model=model, layer=layer, channel=channel, start_s=start, stop_s=stop, sfreq=sfreq)
    return override(
        values, channels=tuple(channels) or None, layer=layer, start_s=start, stop_s=stop, sfreq=sfreq
    )  # fmt: skip


def _live(
    plan: EvolutionPlan,
    command: str,
    offscreen: bool,
    light: bool,
    judge: Callable[[EvolutionSession], str] | None = None,
    headless: bool = False,
) -> None:
    """Run an evolution in its window, or without any; print what it came to, what `judge` says, and how to go on if it can."""
    from bci_app.engine.evolution_closing import run_evolution_and_report

    assert plan.folder is not None
    show, judged = shown(plan.folder, offscreen, light, headless), list[str]()

    def watch(session: EvolutionSession) -> int:
        status = show(session)
        if judge is not None:
            judged.append(judge(session))
        if not session.run.done:
            judged.append(f"Go on with it: {command} --resume {shlex.quote(str(plan.folder))}")
        return status

    finish(run_evolution_and_report(plan, watch), *filter(None, judged))


def evolve_demo(
    *,
    sham: bool,
    seed: int | None,
    generations: int | None,
    config: Path | None,
    folder: Path,
    resume: Path | None,
    offscreen: bool,
    device: str | None,
    require_gpu: bool,
    light: bool,
) -> None:
    """What ``demo --evolve`` does."""
    from bci_app.engine.evolution_demo import EvolutionDemoSettings, evolution_demo_plan, saved_demo
    from bci_app.engine.settings import parse_settings, read_settings
    from bci_app.engine.summary import run_folder

    base = saved_demo(resume) if resume and not config else read_settings(EvolutionDemoSettings, config)
    values = base.model_dump()
    values["evolution"] = override(
        values["evolution"], seed=seed, n_generations=generations, sham="on" if sham else None, device=device,
        require_gpu=require_gpu or None,
    )  # fmt: skip
    if seed is not None:
        values["participant"] |= {"seed": seed, "preference": values["participant"]["preference"] | {"seed": seed}}
    settings = parse_settings(EvolutionDemoSettings, values, "The demo's command line")
    terminal.use_private_lsl()
    with ExitStack() as stack:
        place = resume or stack.enter_context(run_folder(folder, "demo-evolve"))
        tell = stack.enter_context(progress())
        plan = stack.enter_context(evolution_demo_plan(settings, place, tell, resume=resume is not None))
        tell(1, 1, "connecting")
        tell(-1, 0, "")
        _live(plan, "bci-app demo --evolve", offscreen, light, lambda session: _truth(session, settings, place))


def _truth(session: EvolutionSession, settings: EvolutionDemoSettings, folder: Path) -> str:
    """How near the hidden picture it came, beside the same evolution as a sham, or not as one, where that was run."""
    from bci_app.engine.evolution_truth import compare, counterparts, keep_truth, truth_paragraph

    truth = compare(session, settings.participant)
    if truth is None:
        return ""
    keep_truth(folder, truth)
    return truth_paragraph(truth, counterparts(folder))
