"""The text that tokenizer and language model learn from, in which no held-out sentence is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import BartForConditionalGeneration

from bci_app.contract.errors import SettingsError
from bci_app.simulation.sentences import TASKS, sentences
from models.text.language import pretrained_bart
from training.checkpoint import fitting, network_tensors, put_network
from training.data.reading_settings import matching
from training.data.readings import Readings, distinct_sentences
from training.data.texts import leave_out, read_texts
from training.processes import together
from training.run_folder import RunFolder, read_header, read_tensors, write_tensors
from training.team import Team
from training.text.denoising import train_language, untrained
from training.text.tokens import train_tokenizer
from training.text_recipe import PretrainedBart, SmallBart, TextRecipe

LANGUAGE = "language.safetensors"

SHARE, MOST = 0.05, 500
"""Of the text, what is kept to choose the language model's weights by: this share, and no more sentences than these."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Sentences to learn from, and others to choose by."""

    train: tuple[str, ...]
    validation: tuple[str, ...]


def gather(recipe: TextRecipe, train: Readings, kept: Readings) -> Corpus:
    """All text of a recipe without the sentences that are kept.

    Parameters
    ----------
    recipe : TextRecipe
    train : Readings
        Training readings; their sentences are learnt from.
    kept : Readings
        Readings that are chosen by or scored: none of their sentences, nor what differs from one by no more than a word in
        eight, is learnt from, wherever else it is printed. Of the simulated reader's grammar, whose sentences are all alike,
        only the sentences themselves are left out.
    """
    texts = [*distinct_sentences(train.items)]
    if recipe.text.files:
        found = leave_out(read_texts(matching(recipe.text.files)), set(kept.keys), nearly=True)
        texts += found
    for number, task in enumerate(TASKS if recipe.text.n_simulated else ()):
        texts += leave_out(sentences(task, recipe.text.n_simulated, recipe.seed + number, "train"), set(kept.keys))
    distinct = np.array(leave_out(dict.fromkeys(texts), set(kept.keys)), dtype=object)
    if len(distinct) < 2:
        raise SettingsError("A language model needs two sentences at least. Give text.files, or more readings.")
    shuffled = np.random.default_rng((recipe.seed, 1)).permutation(distinct).tolist()
    n = max(min(round(SHARE * len(shuffled)), MOST), 1)
    return Corpus(tuple(shuffled[n:]), tuple(shuffled[:n]))


def language_model(
    recipe: TextRecipe, corpus: Corpus, run: RunFolder | None = None, team: Team | None = None
) -> tuple[BartForConditionalGeneration, Tokenizer]:
    """The recipe's language model with its tokenizer: trained on the corpus, or one that others have trained.

    One that was trained to its end is kept in the run's folder, where a run that goes on finds it.

    Raises
    ------
    SettingsError
        If the pretrained one cannot be read.
    TrainingError
        If the loss is no longer finite.
    BundleCorruptError
        If the one that is kept does not fit the recipe.
    """
    team, kept = team or Team(), run.path / LANGUAGE if run else None
    if isinstance(recipe.language, PretrainedBart):
        source = recipe.language.source
        language, tokenizer = together(team.fabric, lambda: _pretrained(source))
        return language.to(team.device), tokenizer  # type: ignore[arg-type]
    if kept and kept.is_file():
        settings, path = recipe.language, kept
        return together(team.fabric, lambda: _kept(path, settings, team))
    tokenizer = train_tokenizer(corpus.train, recipe.text.vocab_size)
    language = train_language(tokenizer, corpus.train, corpus.validation, recipe.language, recipe.seed, run, team)
    if kept and team.saves:
        together(team.fabric, lambda: _keep(language, tokenizer, kept) if team.first else None)
    return language, tokenizer


def _pretrained(source: str) -> tuple[BartForConditionalGeneration, Tokenizer]:
    try:
        return pretrained_bart(source)
    except ValueError as error:
        raise SettingsError(f"{error}.") from None


def _keep(language: BartForConditionalGeneration, tokenizer: Tokenizer, path: Path) -> None:
    write_tensors(path, network_tensors("language", language), {"tokenizer": tokenizer.to_str()})


def _kept(path: Path, settings: SmallBart, team: Team) -> tuple[BartForConditionalGeneration, Tokenizer]:
    """What `_keep` wrote."""
    tensors, tokenizer = read_tensors(path), Tokenizer.from_str(read_header(path)["tokenizer"])
    with fitting(path), torch.no_grad():
        language = untrained(tokenizer, settings)
        put_network("language", language, tensors)
    return language.to(team.device).eval(), tokenizer  # type: ignore[arg-type]
