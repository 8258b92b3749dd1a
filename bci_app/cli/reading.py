"""Commands that read pictures live: ``demo``, ``run``, ``replay``; the latter sentences as well, if its bundle does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_app.cli import terminal
from bci_app.cli.evolving import Generations, Resume, evolve_demo
from bci_app.cli.sentences import Beams, Sentences, read_demo, replay_text, text_settings_of
from bci_app.cli.terminal import (
    Config,
    DecoderPath,
    Device,
    Folder,
    GeneratorPath,
    Headless,
    Light,
    Offscreen,
    Partial,
    Participant,
    RequireGpu,
    Seconds,
    XdfStream,
    XdfUnit,
    config_of,
    live,
    override,
    progress,
    settings_of,
)
from bci_app.contract.errors import SettingsError


def demo(
    evolving: Annotated[
        bool,
        typer.Option("--evolve", help="Evolve pictures towards one that the participant prefers, instead of reading."),
    ] = False,
    reading: Annotated[
        bool, typer.Option("--read", help="Read sentences that the participant reads, instead of pictures.")
    ] = False,
    trials: Annotated[int | None, typer.Option(help="Trials to read.")] = None,
    sentences: Sentences = None,
    generations: Generations = None,
    sham: Annotated[
        bool,
        typer.Option(
            "--sham",
            help="The control: with --evolve scores are dealt at random, with --read the EEG tells nothing of the words.",
        ),
    ] = False,
    resume: Resume = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the participant and of the pictures.")] = None,
    config: Config = None,
    folder: Folder = Path("runs"),
    offscreen: Offscreen = False,
    device: Device = None,
    require_gpu: RequireGpu = False,
    light: Light = False,
) -> None:
    """Calibrate a simulated participant, show it pictures, and read them live from its EEG; or evolve pictures for it; or
    read the sentences that it reads."""
    if reading and evolving:
        raise SettingsError("A demo reads sentences (--read) or evolves pictures (--evolve); choose one.")
    if sentences is not None and not reading:
        raise SettingsError("--sentences belongs to a demo that reads sentences. Add --read.")
    if evolving:
        if trials is not None:
            raise SettingsError("An evolution has generations (--generations), no --trials. Leave it out.")
        evolve_demo(
            sham=sham, seed=seed, generations=generations, config=config, folder=folder, resume=resume,
            offscreen=offscreen, device=device, require_gpu=require_gpu, light=light,
        )  # fmt: skip
        return
    if generations is not None or resume is not None:
        raise SettingsError("--generations and --resume belong to an evolution. Add --evolve.")
    if reading:
        if trials is not None:
            raise SettingsError("A demo that reads sentences has --sentences, no --trials. Leave it out.")
        read_demo(
            sentences=sentences, sham=sham, seed=seed, config=config, folder=folder, offscreen=offscreen, device=device,
            require_gpu=require_gpu, light=light,
        )  # fmt: skip
        return
    if sham:
        raise SettingsError(
            "--sham is the control of an evolution (--evolve) or of reading sentences (--read). Add one of them."
        )
    from bci_app.engine.demo import demo_plan
    from bci_app.engine.settings import DemoSettings, parse_settings, read_settings
    from bci_app.engine.summary import run_folder

    settings = read_settings(DemoSettings, config)
    session = override(settings.session.model_dump(), device=device, require_gpu=require_gpu or None, seed=seed)
    if trials is not None:
        session["presentation"]["n_trials"] = trials
    values = settings.model_dump() | {"session": session}
    if seed is not None:
        values["participant"]["seed"] = seed
    settings = parse_settings(DemoSettings, values, "The demo's command line")
    terminal.use_private_lsl()
    with run_folder(folder, "demo") as place, progress() as tell, demo_plan(settings, place, tell) as plan:
        tell(1, 1, "connecting")
        tell(-1, 0, "")
        live(plan, offscreen, light)


def run(
    stream: Annotated[str | None, typer.Option(help="Name of the stream.")] = None,
    source_id: Annotated[
        str | None, typer.Option(help="source_id of the stream; the surest way to choose one.")
    ] = None,
    markers: Annotated[str | None, typer.Option(help="Name of the marker stream that cuts the trials.")] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of channels whose sender gives none: uV, count or au.")] = None,
    decoder: DecoderPath = None,
    generator: GeneratorPath = None,
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
    """Read a live stream with a decoder bundle."""
    from bci_app.engine.opening import open_plan
    from bci_app.engine.settings import SessionSettings, read_settings
    from bci_app.engine.summary import run_folder
    from bci_app.streams.network import hush

    hush()
    values = read_settings(SessionSettings, config_of(config, headless)).model_dump()
    values["stream"] = override(values["stream"], name=stream, source_id=source_id, markers=markers, unit=unit)
    settings = settings_of(
        "run", values, decoder=decoder, generator=generator, duration_s=seconds, device=device,
        require_gpu=require_gpu or None, participant=participant,
    )  # fmt: skip
    if headless is not None and settings.presentation is not None:
        raise SettingsError(
            "Pictures are shown to a person on a screen, and without a window there is none. Leave presentation out of the "
            "settings, so that somebody else's markers are read (stream.markers), or run without --headless."
        )
    plan = open_plan(settings, "bci-app", None)
    with run_folder(folder, "run") as plan.folder:
        live(plan, offscreen, light, headless is not None)


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
    beams: Beams = None,
    folder: Folder = Path("runs"),
    seconds: Seconds = None,
    offscreen: Offscreen = False,
    device: Device = None,
    require_gpu: RequireGpu = False,
    light: Light = False,
) -> None:
    """Play a recording as a live LSL stream and read pictures or sentences from it, as its bundle does; marked REPLAY."""
    from bci_app.contract.bundle import open_bundle
    from bci_app.engine.opening import replay_plan
    from bci_app.engine.session_file import participant_of
    from bci_app.engine.summary import run_folder

    participant = participant_of([file])
    opened = None if decoder is None else open_bundle(decoder)
    if opened is not None and opened.manifest.kind == "eeg-text":
        if generator is not None:
            raise SettingsError("A text bundle draws nothing, so it needs no generator. Leave --generator out.")
        given = text_settings_of(
            "replay", {}, decoder=decoder, n_beams=beams, duration_s=seconds, device=device,
            require_gpu=require_gpu or None, participant=participant,
        )  # fmt: skip
        replay_text(given, opened, file, speed, stream, unit, partial, folder, offscreen, light)
        return
    if beams is not None:
        raise SettingsError("--beams belongs to sentences. Name a text bundle (--decoder), or leave it out.")
    settings = settings_of(
        "replay", {}, decoder=decoder, generator=generator, duration_s=seconds, device=device,
        require_gpu=require_gpu or None, participant=participant,
    )  # fmt: skip
    terminal.use_private_lsl()
    with replay_plan(settings, file, speed, stream, unit, partial) as plan, run_folder(folder, "replay") as plan.folder:
        live(plan, offscreen, light)
