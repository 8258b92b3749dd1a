"""What a trained reader leaves: its scores, the bundle, and the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from bci_app.calibration.export import provenance_here, write_decoder_bundle
from bci_app.calibration.ridge import LinearReader, fit_noise
from bci_app.contract.bundle import Bundle
from bci_app.contract.manifest import Provenance
from bci_app.inference.generator import Generator
from training.data.brain import BrainTrials
from training.data.division import Division
from training.data.trials import Floats
from training.evaluate.reader_components import component_correlations, component_scores
from training.evaluate.reader_curves import learning_curve, time_resolved
from training.evaluate.reader_patterns import topography
from training.evaluate.reader_pictures import beside, picture_scores
from training.evaluate.reader_reading import Reading
from training.evaluate.reader_report import ReaderReport, all_numbers, write_reader_report
from training.evaluate.reader_scores import Finding, identification_scores
from training.reader_recipe import ClosedForm, DeepSettings, LeastSquaresSettings, ReaderRecipe, SimulatedData
from training.readers.fitting import Fitting, linear_fit
from training.run_folder import RunFolder, writing

NO_OTHERS = "Scores by pixels are left out: they take out the mean of pictures that are not scored, and all are."


TAUGHT = (
    "The network had been taught by other participants. The shuffled pairing is of this participant's trials alone, so it may "
    "lie above chance by what holds for all."
)


def score(reading: Reading, trials: BrainTrials, generator: Generator, seed: int) -> tuple[Finding, ...]:
    """What was read: which picture, how well each latent, and how well the picture drawn from it shows it."""
    found = (*identification_scores(reading, seed=seed), *component_scores(reading, seed=seed))
    if not has_other_pictures(reading, trials):
        return found
    return (*found, *picture_scores(reading, generator.generate, trials.images, generator.manifest.name, seed))


def has_other_pictures(reading: Reading, trials: BrainTrials) -> bool:
    """Whether in each fold there are pictures beside those scored, whose mean scores by pixels can take out."""
    scored = [
        {reading.pictures[row] for row in np.flatnonzero(reading.fold == each)} for each in np.unique(reading.fold)
    ]
    return all(len(set(trials.images) - each) >= 2 for each in scored)


def export(
    recipe: ReaderRecipe,
    run: RunFolder,
    trials: BrainTrials,
    latents: Floats,
    division: Division,
    fitting: Fitting,
    generator: Generator,
    findings: Sequence[Finding],
) -> Bundle:
    """The bundle of the reader that was scored; after several folds, of one more, learnt from all trials."""
    rows = division.folds[0][0]
    if len(division.folds) > 1:
        rows = np.arange(len(trials))
        fitting(trials.windows, latents, trials.pictures, recipe.seed)
    reader = fitting.fitted[0 if len(division.folds) == 1 else -1]
    learnt = trials.take(rows)
    own = learnt.windows[[recipe.subject in (None, subject) for subject in learnt.subjects]]
    return write_decoder_bundle(
        Path(recipe.bundle.folder) if recipe.bundle.folder else run.path / "bundle",
        reader,
        fit_noise(own),
        name=recipe.bundle.name,
        preprocessing=trials.preprocessing,
        cut=trials.cut,
        generator=generator.manifest,
        provenance=_provenance(recipe, run, trials),
        metrics=[finding.score for finding in findings],
        trained_on=tuple(dict.fromkeys((*learnt.pictures, *fitting.taught))),
        kind=trials.kind,
    )


def report(
    recipe: ReaderRecipe,
    run: RunFolder,
    trials: BrainTrials,
    latents: Floats,
    reading: Reading,
    findings: Sequence[Finding],
    fitting: Fitting,
    generator: Generator,
    provenance: Provenance,
) -> None:
    """One page and the same numbers as JSON, in the run folder."""
    reader, given = fitting.fitted[0], (trials, latents, fitting.division.folds)
    limits, settings = recipe.evaluation, recipe.reader
    learning = time_course = None
    if isinstance(settings, ClosedForm):
        fit, most_s = linear_fit(settings), limits.learning_curve_s
        learning = learning_curve(fit, *given, seed=recipe.seed, limit_s=most_s) if most_s else None
        most_s = limits.time_course_s
        time_course = time_resolved(fit, *given, seed=recipe.seed, limit_s=most_s) if most_s else None
    page = ReaderReport(
        title=recipe.name,
        reader=in_words(recipe, trials),
        trials=trials,
        reading=reading,
        findings=findings,
        splits=f"Scored: {reading.held_out}. {chosen_by(recipe)}",
        pictures=beside({generator.manifest.name: (reading, generator.generate)}, trials.images, seed=recipe.seed),
        curves=[learning] if learning else [],
        time_course=time_course,
        components=component_correlations(reading, recipe.seed),
        topography=topography(reader, trials) if isinstance(reader, LinearReader) else None,
        notes=notes(recipe, has_other_pictures(reading, trials)),
        recipe=recipe.model_dump(mode="json"),
        provenance=provenance,
    )
    write_reader_report(run.path / "report.html", page)
    with writing(run.path):
        (run.path / "scores.json").write_text(json.dumps(all_numbers(findings), indent=1) + "\n", "utf-8")


def notes(recipe: ReaderRecipe, has_others: bool) -> tuple[str, ...]:
    """What must be known to read the scores."""
    taught = recipe.fine_tuning is not None and recipe.fine_tuning.model is not None
    return (*(() if has_others else (NO_OTHERS,)), *((TAUGHT,) if taught else ()))


def _provenance(recipe: ReaderRecipe, run: RunFolder, trials: BrainTrials) -> Provenance:
    made = provenance_here(run.origin("command"), recipe.model_dump(mode="json"), (trials.name,), run.origin("commit"))
    versions = made.versions | ({"torch": version("torch")} if isinstance(recipe.reader, DeepSettings) else {})
    licence = recipe.bundle.licence or ("BSD-3-Clause" if isinstance(recipe.data, SimulatedData) else "not stated")
    return made.model_copy(update={"licence": licence, "versions": versions})


def in_words(recipe: ReaderRecipe, trials: BrainTrials) -> str:
    """What reads."""
    names = {
        "linear": "whitened ridge regression",
        "least_squares": "least squares from latents to the brain, inverted,",
        "eegnet": "EEGNet",
        "nice": "NICE",
        "attention": "attention and NICE",
    }
    return f"{names[recipe.reader.kind]} from {trials.windows.shape[1]} channels x {trials.windows.shape[2]} samples"


def chosen_by(recipe: ReaderRecipe) -> str:
    """By what everything was chosen that was not given."""
    if isinstance(recipe.reader, DeepSettings):
        share = f"{recipe.optimiser.validation:.0%}"
        return (
            f"When training ends, the last layer's penalty and its stretch were chosen by {share} of the training pictures, "
            "which were kept out of training."
        )
    if isinstance(recipe.reader, LeastSquaresSettings):
        return "Everything was fitted to training trials; the stretch to five parts of them, each left out once."
    return "Penalties and the stretch were chosen by leaving out one training trial at a time."
