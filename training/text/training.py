"""From divided readings and a language model to a trained reader: alignment, codes, two stages."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tokenizers import Tokenizer
from transformers import BartForConditionalGeneration

from bci_app.contract.errors import SettingsError
from models.text.reader import SentenceReader
from training.data.readings import Readings
from training.evaluate.text_inputs import matched_noise
from training.processes import together
from training.run_folder import RunFolder
from training.team import Team
from training.text.examples import Examples
from training.text.networks import build_reader, vectors_per_step
from training.text.pretraining import pretrain_waves
from training.text.progress import Progress, Record
from training.text.reader import TrainedTextReader
from training.text.stages import begin_codex, train_stage
from training.text_recipe import TextRecipe


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
    team: Team | None = None,
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
        Gets the log, and the checkpoint that it goes on from if there is one; the same on all processes. Without one nothing
        is written or shown.
    team : Team, optional
        Where it is trained, and whether somebody pressed Ctrl-C: what is best so far is then taken.

    Raises
    ------
    SettingsError
        If the sizes do not fit together, a side is empty, or there are fewer steps than codes.
    TrainingError
        If a loss is no longer finite.
    BundleCorruptError
        If the checkpoint does not fit the recipe.
    """
    team = team or Team()
    train, validation, network = together(team.fabric, lambda: _untrained(recipe, sides, language, tokenizer))
    network.to(team.device)
    progress = Progress(team, run=run, checkpoint=run.checkpoint if run else None)
    if recipe.pretraining is not None:
        pretrain_waves(network, train, validation, recipe, recipe.pretraining, progress)
    if recipe.beginning is not None:
        train_stage(network, train, validation, recipe, "beginning", recipe.beginning, progress)
    train_stage(network, train, validation, recipe, "alignment", recipe.alignment, progress)
    if not progress.is_past("alignment"):
        together(team.fabric, lambda: _begin_codex(network, train, recipe, sides.train, team))
    train_stage(network, train, validation, recipe, "first", recipe.first, progress)
    train_stage(network, train, validation, recipe, "second", recipe.second, progress)
    return TrainedTextReader(network, tokenizer, recipe.generation, train.waves), progress.curve


def _untrained(
    recipe: TextRecipe, sides: Sides, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> tuple[Examples, Examples, SentenceReader]:
    """Examples to learn from, examples to choose by, and the network."""
    n_places = int(language.config.max_position_embeddings or 0)
    train = Examples(sides.train, tokenizer, n_places)
    validation = Examples(sides.validation, tokenizer, n_places, train.lexicon)
    return train, validation, build_reader(recipe, sides.train, language, recipe.seed)


def _begin_codex(network: SentenceReader, train: Examples, recipe: TextRecipe, readings: Readings, team: Team) -> None:
    try:
        begin_codex(network, train, recipe, vectors_per_step(recipe, readings, network.encoder), team)
    except ValueError as error:
        raise SettingsError(f"{error}: set codex.n_codes.") from None


def with_noise(sides: Sides, seed: int) -> Sides:
    """The same sentences, each with noise in place of its signal: matched to the training signals, of the same length."""
    return Sides(_noisy(sides.train, sides.train, seed), _noisy(sides.train, sides.validation, seed + 1), sides.test)


def _noisy(train: Readings, side: Readings, seed: int) -> Readings:
    signals = matched_noise(train, side, seed).signals
    drawn = zip(side.items, signals, strict=True)
    return replace(side, items=tuple(replace(item, signal=signal) for item, signal in drawn))
