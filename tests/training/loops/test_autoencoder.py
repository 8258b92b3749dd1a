"""Training goes on to the bit where it stopped, and learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bci_app.contract.errors import BundleCorruptError
from bci_app.pictures.source import builtin
from training.data.images import Images, draw_split, to_tensor
from training.loops import autoencoder
from training.loops.autoencoder import TrainingState
from training.settings import GeneratorRecipe, read_recipe

TINY = Path("configs/train/tiny/pictures64.yaml")


@pytest.fixture(scope="module")
def images() -> Images:
    return draw_split(builtin(), np.random.default_rng(0), read_recipe(TINY).pictures).train


@pytest.fixture(params=["float32", "bfloat16"])
def recipe(request: pytest.FixtureRequest) -> GeneratorRecipe:
    return read_recipe(TINY, [f"optimiser.precision={request.param}"])


def _silent(step: int, losses: dict[str, float]) -> None:
    assert np.isfinite(list(losses.values())).all(), step


def _tensors(state: TrainingState) -> dict[str, torch.Tensor]:
    parts = {"encoder": state.encoder, "generator": state.generator, "linear": state.linear}
    return {f"{part}.{name}": value for part, module in parts.items() for name, value in module.state_dict().items()}


def test_two_steps_and_two_after_a_checkpoint_are_four_to_the_bit(
    recipe: GeneratorRecipe, images: Images, tmp_path: Path
) -> None:
    whole = autoencoder.begin(recipe)
    autoencoder.fit(whole, images, recipe, _silent)
    half = autoencoder.begin(recipe)
    autoencoder.fit(half, images, recipe, _silent, stop_at=2)
    autoencoder.save(half, tmp_path / "checkpoint.safetensors")
    again = autoencoder.begin(recipe)
    autoencoder.restore(again, tmp_path / "checkpoint.safetensors")
    assert again.step == 2
    autoencoder.fit(again, images, recipe, _silent)
    assert whole.step == again.step == 4
    for name, value in _tensors(whole).items():
        assert torch.equal(value, _tensors(again)[name]), name


def test_a_preview_leaves_the_training_as_it_is(recipe: GeneratorRecipe, images: Images) -> None:
    plain, watched = autoencoder.begin(recipe), autoencoder.begin(recipe)
    autoencoder.fit(plain, images, recipe, _silent, stop_at=2)
    autoencoder.fit(watched, images, recipe, _silent, stop_at=1)
    rows = autoencoder.preview(watched, images[:3])
    assert [row.shape for row in rows] == [(3, 64, 64, 3)] * 3
    autoencoder.fit(watched, images, recipe, _silent, stop_at=2)
    assert all(torch.equal(value, _tensors(watched)[name]) for name, value in _tensors(plain).items())


def test_the_same_few_pictures_are_learnt(images: Images) -> None:
    recipe = read_recipe(TINY, ["optimiser.steps=40", "optimiser.learning_rate=0.003", "loss.prior=0"])
    state, batch = autoencoder.begin(recipe), to_tensor(images[:8])
    losses = [autoencoder.train_step(state, batch, recipe)["pixel"] for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]


def test_the_rate_rises_and_falls_to_nothing() -> None:
    optimiser = read_recipe(TINY, ["optimiser.steps=100", "optimiser.warm_up=10"]).optimiser
    rates = [autoencoder.learning_rate(step, optimiser) for step in range(101)]
    assert np.argmax(rates) == 10
    assert rates[0] < 0.1 * max(rates)
    assert rates[100] == pytest.approx(0.0, abs=1e-12)


def test_a_checkpoint_of_another_recipe_is_refused(recipe: GeneratorRecipe, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    autoencoder.save(autoencoder.begin(recipe), path)
    other = read_recipe(TINY, ["network.latent_dim=9"])
    with pytest.raises(BundleCorruptError, match="must fit the recipe"):
        autoencoder.restore(autoencoder.begin(other), path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BundleCorruptError, match="must be a safetensors file"):
        autoencoder.restore(autoencoder.begin(recipe), path)
