"""Commands about models: ``calibrate`` makes a decoder, ``check`` verifies any bundle."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bci_app.cli.terminal import (
    Device,
    Folder,
    GeneratorPath,
    Partial,
    RequireGpu,
    XdfStream,
    XdfUnit,
    out,
    progress,
    settings_of,
)
from bci_app.contract.errors import SignalError

if TYPE_CHECKING:
    from bci_app.contract.manifest import DecoderManifest, TextManifest
    from bci_app.engine.calibration_run import CalibrationRequest, CalibrationResult


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

    where = settings_of("calibrate", {}, device=device, require_gpu=require_gpu or None)
    request = CalibrationRequest(
        tuple(recordings), pictures, generator, name, read_settings(CalibrationRecipe, config), tuple(leave_out),
        stream=stream, unit=unit, partial=partial, device=where.device, require_gpu=where.require_gpu,
    )  # fmt: skip
    if to is not None:
        check_place(to)
    with progress() as tell:
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
            _describe(new, request, result)
    out.print(f"Decoder: {place}", markup=False, highlight=False, soft_wrap=True)


def _describe(folder: Path, request: CalibrationRequest, result: CalibrationResult) -> None:
    """Say in the folder whose recordings the decoder in it was made of: it belongs to the same participant."""
    from bci_app.engine.events import Finished
    from bci_app.engine.session_file import begin_session, end_session, participant_of

    about = {
        "kind": "decoder",
        "title": f"bci-app calibrate: {result.draft.manifest.name}",
        "participant": participant_of(request.recordings),
        "recordings": [path.name for path in request.recordings],
        "settings": request.recipe.model_dump(mode="json"),
    }
    begin_session(folder, about)
    end_session(folder, Finished(result.verdict, fatal=False))


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


def check(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    device: Device = None,
    require_gpu: RequireGpu = False,
) -> None:
    """Verify a bundle: manifest, hashes, graph, golden vectors on this machine."""
    from bci_app.contract.bundle import open_bundle
    from bci_app.contract.manifest import DecoderManifest, GeneratorManifest, ImageModelManifest, TextManifest
    from bci_app.engine.tables import score_table
    from bci_app.inference.decoder import Decoder
    from bci_app.inference.generator import Generator
    from bci_app.inference.image_model import ImageModel
    from bci_app.inference.text import TextDecoder

    opened = open_bundle(bundle)
    where: Any = device or "auto"
    kinds: Any = {"generator": Generator, "image-model": ImageModel, "eeg-text": TextDecoder}
    manifest = opened.manifest
    model = kinds.get(manifest.kind, Decoder).open(opened, device=where, require_gpu=require_gpu)
    out.print(f"Bundle '{manifest.name}' ({manifest.kind}) is sound.", markup=False)
    out.print(f"Golden vectors agree on: {model.device}", markup=False)
    if isinstance(manifest, ImageModelManifest):
        _tell_layers(model.layers)
    elif isinstance(manifest, GeneratorManifest | DecoderManifest):
        out.print(f"Latent space {manifest.latent_space.id}: {manifest.latent_space.dim} numbers", markup=False)
    if isinstance(manifest, DecoderManifest):
        _tell_input(manifest)
    if isinstance(manifest, TextManifest):
        _tell_text(manifest)
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


def _tell_text(manifest: TextManifest) -> None:
    """What a reader of text takes of a sentence, what it writes with, and whether it was found to read."""
    from bci_app.engine.text_views import OwnTest

    sentence, spec, how = manifest.sentence, manifest.preprocessing, manifest.generation
    what = "features computed elsewhere from EEG, which no live stream carries"
    if spec is not None:
        what = f"EEG of {len(spec.channels)} channels at {spec.sfreq:g} Hz"
    whole = manifest.reads == "waves"
    limit = (
        f"whole sentences of up to {sentence.max_s:g} s" if whole else f"up to {sentence.max_words} words a sentence"
    )
    beams = "greedy" if how.n_beams == 1 else f"with {how.n_beams} beams"
    words = f"from a vocabulary of {manifest.tokens.vocab_size:,} tokens"
    for line in (
        f"Reads: {what}; {limit}",
        f"Writes: free-running, {beams}, {words}, through {manifest.n_codes:,} codes",
        f"{OwnTest.of(manifest).verdict}.",
    ):
        out.print(line, markup=False, highlight=False)
