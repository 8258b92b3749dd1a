"""A reader of sentences as a recipe wants it, with what was measured on the training signals inside."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import Tensor
from transformers import BartForConditionalGeneration

from bci_app.contract.errors import SettingsError
from models.text.bands import BandAmplitudes, usable_bands
from models.text.codex import Codex
from models.text.reader import SentenceReader
from models.text.scale import Standardise
from models.text.wave_encoder import WaveEncoder
from models.text.word_encoder import WordEncoder
from training.data.readings import Readings
from training.text_recipe import TextRecipe

LOADING = 1e-3
"""Added to the covariance, as a share of its mean variance: an average reference leaves it without one rank."""


def build_reader(
    recipe: TextRecipe, train: Readings, language: BartForConditionalGeneration, seed: int
) -> SentenceReader:
    """An untrained reader before a copy of the language model.

    Parameters
    ----------
    recipe : TextRecipe
        Sizes.
    train : Readings
        Training readings: their mean and spread go into the network, and nothing of any other.
    language : BartForConditionalGeneration
    seed : int
        Of the first weights.

    Raises
    ------
    SettingsError
        If the sizes do not fit together, or no band fits the windows.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        try:
            return _built(recipe, train, copy.deepcopy(language))
        except ValueError as error:
            raise SettingsError(f"The recipe's networks do not fit: {error}.") from None


def _built(recipe: TextRecipe, train: Readings, language: BartForConditionalGeneration) -> SentenceReader:
    wanted, n_rows = recipe.encoder, len(train.rows)
    bands = _bands(train) if train.reads == "word-windows" else None
    encoder: WordEncoder | WaveEncoder
    if train.reads == "waves":
        encoder = WaveEncoder(
            n_rows,
            wanted.width,
            wanted.strides,
            wanted.n_layers,
            wanted.n_heads,
            wanted.hidden,
            wanted.kernel,
            wanted.dropout,
            max_steps=_most_steps(train, int(np.prod(wanted.strides))),
            span=wanted.span,
        )
    else:
        n_features = n_rows * (bands.n_bands if bands else 1)
        encoder = WordEncoder(
            n_features,
            wanted.width,
            wanted.n_layers,
            wanted.n_heads,
            wanted.hidden,
            wanted.dropout,
            train.spec.max_words,
        )
    return SentenceReader(
        measured(train, bands, wanted.whiten),
        encoder,
        _codex(recipe, train, encoder),
        language,
        recipe.embedding_dim,
        bands,
    )


def _codex(recipe: TextRecipe, train: Readings, encoder: WordEncoder | WaveEncoder) -> Codex:
    wanted = recipe.codex
    return Codex(
        encoder.width,
        wanted.dim,
        wanted.n_codes,
        wanted.code_dim,
        wanted.decay,
        wanted.commitment,
        revive_below=wanted.revive_below * vectors_per_step(recipe, train, encoder) / wanted.n_codes,
    )


def check_enough_steps(recipe: TextRecipe, train: Readings) -> None:
    """SettingsError if the codes have fewer steps to begin from than there are codes, before hours are spent."""
    stride = math.prod(recipe.encoder.strides) if train.reads == "waves" else 1
    n = sum(-(-steps // stride) for steps in train.n_steps)
    if n < recipe.codex.n_codes:
        raise SettingsError(
            f"{recipe.codex.n_codes} codes begin from at least as many {'steps of waves' if stride > 1 else 'words'}; the "
            f"{len(train)} training readings have {n}. Take fewer codes: set codex.n_codes, or learn from more readings."
        )


def vectors_per_step(recipe: TextRecipe, train: Readings, encoder: WordEncoder | WaveEncoder) -> float:
    """Vectors that a training step brings to the codex, on average."""
    stride = encoder.samples_per_step if isinstance(encoder, WaveEncoder) else 1
    return recipe.optimiser.batch_size * float(np.mean(train.n_steps)) / stride


def measured(train: Readings, bands: BandAmplitudes | None, whiten: bool) -> Standardise:
    """Standard scores by mean and covariance of the rows over all training signals; see `Standardise`.

    Parameters
    ----------
    train : Readings
    bands : BandAmplitudes or None
        What is computed of windows first.
    whiten : bool
        Take out what rows have in common too: neighbouring channels and bands share most of their noise.
    """
    waves = train.reads == "waves"
    n, n_rows = 0, len(train.rows) * (bands.n_bands if bands else 1)
    total, products = torch.zeros(n_rows, dtype=torch.float64), torch.zeros(n_rows, n_rows, dtype=torch.float64)
    for reading in train.items:
        rows = _rows(torch.tensor(reading.signal), waves, bands).double()
        n, total, products = n + len(rows), total + rows.sum(dim=0), products + rows.T @ rows
    mean = total / n
    covariance = products / n - mean[:, None] * mean
    if not whiten:
        covariance = torch.diag(covariance.diagonal())
    variances, axes = torch.linalg.eigh(covariance)
    scales = (variances.clamp(min=0) + LOADING * variances.mean() + 1e-12).rsqrt()
    return Standardise(mean.float(), ((axes * scales) @ axes.T).float(), waves)


def _rows(signal: Tensor, waves: bool, bands: BandAmplitudes | None) -> Tensor:
    """What is standardised of one signal (n, n_rows): samples of waves, words otherwise."""
    if waves:
        return signal.T
    return signal if bands is None else bands(signal)


def _bands(train: Readings) -> BandAmplitudes:
    """The bands that the windows can tell; SettingsError if there are none."""
    assert train.preprocessing is not None
    sfreq, n_times = train.preprocessing.output_sfreq, train.items[0].signal.shape[2]
    usable = usable_bands(sfreq, n_times)
    if not usable:
        raise SettingsError(
            f"A window of a word must hold a cycle of one of the bands from 4 to 49.5 Hz; {n_times} samples at {sfreq:g} Hz "
            "hold none. Make sentence.word_cut longer."
        )
    return BandAmplitudes(n_times, sfreq, usable)


def _most_steps(train: Readings, stride: int) -> int:
    """Steps of the longest waves that may come."""
    assert train.preprocessing is not None
    return -(-int(train.spec.max_s * train.preprocessing.output_sfreq) // stride)
