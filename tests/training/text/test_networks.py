"""Networks from recipes: what was measured on training signals is inside."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import BartForConditionalGeneration

from bci_app.contract.errors import SettingsError
from bci_app.contract.reading import Reads
from models.text.bands import BandAmplitudes
from tests.training.text.readings import N_CHANNELS, known_readings
from training.data.readings import Reading, Readings
from training.settings import read_any_recipe
from training.text.networks import build_reader, measured, vectors_per_step
from training.text_recipe import TextRecipe


@pytest.mark.parametrize(("reads", "whiten"), [("word-features", True), ("word-features", False), ("waves", True)])
def test_training_signals_become_standard_scores(reads: Reads, whiten: bool) -> None:
    readings = known_readings(reads, n_subjects=3, noise=1.0)
    waves = reads == "waves"
    scale = measured(readings, None, whiten)
    signals = [torch.from_numpy(item.signal)[None] for item in readings.items]
    rows = torch.cat([scale(signal)[0].T if waves else scale(signal)[0] for signal in signals])
    torch.testing.assert_close(rows.mean(dim=0), torch.zeros(rows.shape[1]), atol=1e-3, rtol=0)
    covariance = torch.cov(rows.T, correction=0)
    wanted = torch.eye(rows.shape[1])
    if not whiten:
        covariance = torch.diag(covariance.diagonal())
    torch.testing.assert_close(covariance, wanted, atol=0.02, rtol=0)


def test_of_windows_the_amplitudes_of_the_bands_are_measured() -> None:
    readings, bands = known_readings("word-windows"), BandAmplitudes(32, 64.0, {"low": (4.0, 8.0)})
    scale = measured(readings, bands, whiten=False)
    amplitudes = torch.cat([bands(torch.from_numpy(item.signal)) for item in readings.items])
    torch.testing.assert_close(scale.mean, amplitudes.mean(dim=0), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("reads", ["word-features", "word-windows", "waves"])
def test_every_kind_of_signal_has_its_network(
    reads: Reads, recipe: TextRecipe, language: BartForConditionalGeneration
) -> None:
    readings = known_readings(reads)
    network = build_reader(recipe, readings, language, seed=0).eval()
    signal = torch.from_numpy(readings.items[0].signal)[None]
    states, codes, embedding = network.states(signal)
    n_steps = -(-signal.shape[-1] // 16) if reads == "waves" else signal.shape[1]
    assert (states.shape, codes.shape, embedding.shape) == ((1, n_steps, 16), (1, n_steps), (1, 8))
    assert network.language is not language
    if reads == "word-windows":
        assert network.bands is not None
        assert network.bands.names == ("t1", "t2", "a1", "a2", "b1", "b2")  # below 32 Hz
        assert len(network.standardise.mean) == 6 * N_CHANNELS
    per_step = vectors_per_step(recipe, readings, network.encoder)
    mean_steps = sum(readings.n_steps) / len(readings) / (16 if reads == "waves" else 1)
    assert per_step == pytest.approx(16 * mean_steps)


def test_the_recipe_for_zuco_has_the_sizes_of_dewave_and_can_be_built(language: BartForConditionalGeneration) -> None:
    recipe = read_any_recipe(TextRecipe, "configs/train/text_zuco.yaml")
    published, codex = recipe.encoder, recipe.codex
    assert (published.width, published.n_layers, published.n_heads, published.hidden) == (840, 6, 8, 2048)
    assert (codex.n_codes, codex.dim, codex.code_dim, codex.commitment) == (2048, 512, None, 0.25)
    small = recipe.model_copy(update={"encoder": published.model_copy(update={"n_layers": 1, "hidden": 16})})
    rng = np.random.default_rng(0)
    items = tuple(
        Reading(f"Sentence {number}.", rng.standard_normal((number + 2, 840), np.float32), "ZAB") for number in range(3)
    )
    readings = Readings(items, "word-features", tuple(map(str, range(840))))
    network = build_reader(small, readings, language, 0).eval()
    states, codes, embedding = network.states(torch.tensor(items[2].signal)[None])
    assert (states.shape, codes.shape, embedding.shape) == ((1, 4, 16), (1, 4), (1, 512))
    assert network.codex.book.shape == (2048, 512)


def test_the_same_seed_makes_the_same_network(recipe: TextRecipe, language: BartForConditionalGeneration) -> None:
    one, same, other = (build_reader(recipe, known_readings(), language, seed) for seed in (0, 0, 1))
    weights = [each.encoder.state_dict()["enter.weight"] for each in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_sizes_that_do_not_fit_are_told(recipe: TextRecipe, language: BartForConditionalGeneration) -> None:
    odd = recipe.model_copy(update={"encoder": recipe.encoder.model_copy(update={"n_heads": 3})})
    with pytest.raises(SettingsError, match="3 heads must divide a width of 16"):
        build_reader(odd, known_readings(), language, 0)
    long = recipe.model_copy(update={"encoder": recipe.encoder.model_copy(update={"strides": (2,)})})
    with pytest.raises(SettingsError, match="has 64 places; the encoder gives up to 128 steps"):
        build_reader(long, known_readings("waves"), language, 0)
