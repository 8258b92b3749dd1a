"""What a trained reader of text leaves: its findings, the bundle, and the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
from lightning_fabric import Fabric

from bci_app.contract.anonymity import without_folders
from bci_app.contract.bundle import Bundle
from bci_app.contract.manifest import Generation, Provenance
from training.data.simulated_readings import SimulatedReadingsSettings
from training.evaluate.text_controls import controls_table
from training.evaluate.text_findings import TextFindings, bundle_scores
from training.evaluate.text_report import TextReport, write_text_report
from training.run_folder import RunFolder, writing
from training.text.export import export_text
from training.text.progress import Record
from training.text.reader import TrainedTextReader
from training.text.training import Sides
from training.text_recipe import TextRecipe

VERSIONS = (
    "torch",
    "transformers",
    "tokenizers",
    "vector-quantize-pytorch",
    "onnx",
    "onnxscript",
    "numpy",
    "sacrebleu",
)


def export(
    recipe: TextRecipe, run: RunFolder, reader: TrainedTextReader, sides: Sides, findings: TextFindings, machine: str
) -> Bundle:
    """The bundle of the reader that was scored; BundleError if the program does not read what torch reads."""
    return export_text(
        Path(recipe.bundle.folder) if recipe.bundle.folder else run.path / "bundle",
        reader.network,
        reader.tokenizer,
        sides.train,
        name=recipe.bundle.name,
        n_codes=reader.n_codes,
        generation=recipe.generation,
        metrics=bundle_scores(findings),
        provenance=_provenance(recipe, run, sides),
        about=(controls_table(findings), f"{in_words(recipe)} {machine}"),
    )


def report(
    recipe: TextRecipe,
    run: RunFolder,
    reader: TrainedTextReader,
    findings: TextFindings,
    records: Sequence[Record],
    provenance: Provenance,
    machine: str,
) -> None:
    """One page and the same numbers as JSON, in the run folder."""
    page = TextReport(
        title=recipe.name,
        model=f"{in_words(recipe)} {machine}",
        findings=findings,
        splits=f"Scored: {findings.held_out}. Weights were chosen by validation sentences, which are on neither side.",
        sizes=sizes(reader),
        generation=generated_in_words(recipe.generation),
        records=records,
        recipe=recipe.model_dump(mode="json"),
        provenance=provenance,
    )
    write_text_report(run.path / "report.html", page)
    with writing(run.path):
        (run.path / "scores.json").write_text(json.dumps(findings.as_json(), indent=1) + "\n", "utf-8")


def in_words(recipe: TextRecipe) -> str:
    """What reads; a language model's own folder is told without whose it is, as in the recipe that a bundle keeps."""
    codex, language, share = recipe.codex, recipe.language, recipe.second.language
    what = {"word-features": "Features of each word", "word-windows": "A window of EEG per word", "waves": "Waves"}
    writes = (
        "a small BART trained on text"
        if language.kind == "small"
        else f"the pretrained BART {without_folders(language.source)}"
    )
    rate = "at the rate of the rest" if share == 1 else f"at {share:g} of the rate of the rest"
    tuned = f"which was frozen first, then tuned {rate}" if recipe.second.epochs and share else "which stayed frozen"
    return (
        f"{what[recipe.reads]}, read by a network after DeWave, through a codex of {codex.n_codes:,} codes, into "
        f"{writes}, {tuned}."
    )


def machine_in_words(fabric: Fabric, precision: str) -> str:
    """What it is trained on: what was found, not what was asked for."""
    name = torch.cuda.get_device_name(fabric.device) if fabric.device.type == "cuda" else "the CPU"
    n = fabric.world_size
    return f"Trained on {name}, in {n} {'process' if n == 1 else 'processes'}, {precision}."


def generated_in_words(generation: Generation) -> str:
    """How text is generated."""
    how = (
        "greedy"
        if generation.n_beams == 1
        else f"{generation.n_beams} beams, length penalty {generation.length_penalty:g}"
    )
    repeats = f", repetition penalty {generation.repetition_penalty:g}" if generation.repetition_penalty != 1 else ""
    return f"free-running, {how}, up to {generation.max_tokens} tokens{repeats}"


def sizes(reader: TrainedTextReader) -> dict[str, int]:
    """Weights of each part; of the codex, its codes too."""
    network = reader.network
    parts = {"encoder": network.encoder, "codex": network.codex, "language model": network.language}
    counts = {name: sum(weight.numel() for weight in part.parameters()) for name, part in parts.items()}
    return counts | {"codex": counts["codex"] + network.codex.book.numel()}


def _provenance(recipe: TextRecipe, run: RunFolder, sides: Sides) -> Provenance:
    ours = (
        isinstance(recipe.data, SimulatedReadingsSettings) and recipe.language.kind == "small" and not recipe.text.files
    )
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=run.origin("command"),
        commit=run.origin("commit"),
        recipe=recipe.model_dump(mode="json"),
        data=(sides.train.name, *(Path(file).name for file in recipe.text.files)),
        licence=recipe.bundle.licence or ("BSD-3-Clause" if ours else "not stated"),
        versions={name: version(name) for name in VERSIONS},
    )
