"""From divided readings and a language model to a trained reader: alignment, codes, two stages."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tokenizers import Tokenizer
from transformers import BartForConditionalGeneration

from bci_app.contract.errors import SettingsError
from training.data.readings import Readings
from training.evaluate.text_inputs import matched_noise
from training.interrupts import Asked
from training.run_folder import RunFolder
from training.text.examples import Examples
from training.text.networks import build_reader, vectors_per_step
from training.text.pretraining import pretrain_waves
from training.text.reader import TrainedTextReader
from training.text.stages import Progress, begin_codex, train_stage
from training.text_recipe import TextRecipe

Record = dict[str, float | int | str]


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Readings to learn from, to choose by, and to score."""

    train: Readings
    validation: Readings
    test: Readings


def train_reader(
    recipe: TextRecipe,
    sides: Sides,
    language: BartForConditionalGeneration,
    tokenizer: Tokenizer,
    run: RunFolder | None = None,
    asked: Asked | None = None,
) -> tuple[TrainedTextReader, list[Record]]:
    """The reader that a recipe makes of training readings, and what its epochs gave.

    Parameters
    ----------
    recipe : TextRecipe
    sides : Sides
        The test side is not looked at.
    language : BartForConditionalGeneration
        A copy of it is trained.
    tokenizer : Tokenizer
        Of the language model.
    run : RunFolder, optional
        Gets the log. Without one nothing is written or shown.
    asked : Asked, optional
        Whether somebody pressed Ctrl-C: what is best so far is then taken.

    Raises
    ------
    SettingsError
        If the sizes do not fit together, a side is empty, or there are fewer steps than codes.
    TrainingError
        If a loss is no longer finite.
    """
    n_places = int(language.config.max_position_embeddings or 0)
    train = Examples(sides.train, tokenizer, n_places)
    validation = Examples(sides.validation, tokenizer, n_places, train.lexicon)
    network = build_reader(recipe, sides.train, language, recipe.seed)
    progress = Progress(asked or Asked())
    if recipe.pretraining is not None:
        pretrain_waves(network, train, validation, recipe, recipe.pretraining, progress, run)
    if recipe.beginning is not None:
        train_stage(network, train, validation, recipe, "beginning", recipe.beginning, progress, run)
    train_stage(network, train, validation, recipe, "alignment", recipe.alignment, progress, run)
    try:
        begin_codex(network, train, recipe, vectors_per_step(recipe, sides.train, network.encoder))
    except ValueError as error:
        raise SettingsError(f"{error}: set codex.n_codes.") from None
    train_stage(network, train, validation, recipe, "first", recipe.first, progress, run)
    train_stage(network, train, validation, recipe, "second", recipe.second, progress, run)
    return TrainedTextReader(network, tokenizer, recipe.generation, train.waves), progress.curve


def with_noise(sides: Sides, seed: int) -> Sides:
    """The same sentences, each with noise in place of its signal: matched to the training signals, of the same length."""
    return Sides(_noisy(sides.train, sides.train, seed), _noisy(sides.train, sides.validation, seed + 1), sides.test)


def _noisy(train: Readings, side: Readings, seed: int) -> Readings:
    signals = matched_noise(train, side, seed).signals
    drawn = zip(side.items, signals, strict=True)
    return replace(side, items=tuple(replace(item, signal=signal) for item, signal in drawn))
