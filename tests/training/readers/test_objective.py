"""What a reader minimises, against the formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from training.reader_recipe import ObjectiveSettings
from training.readers.objective import Temperature, cosine_distance, info_nce, parts_of_loss, squared_error

N, DIM = 6, 4


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def _cosines(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    left, right = (x.numpy() / np.linalg.norm(x.numpy(), axis=1, keepdims=True) for x in (a, b))
    return left @ right.T


def test_squared_error_and_cosine_distance_are_their_formulas() -> None:
    latent, target = torch.randn(N, DIM), torch.randn(N, DIM)
    assert float(squared_error(latent, target)) == pytest.approx(float(((latent - target) ** 2).mean()))
    assert float(cosine_distance(latent, target)) == pytest.approx(
        1 - np.diag(_cosines(latent, target)).mean(), abs=1e-6
    )
    assert float(cosine_distance(3 * target, target)) == pytest.approx(0.0, abs=1e-6)


def test_info_nce_is_the_mean_of_both_cross_entropies() -> None:
    window, picture, scale = torch.randn(N, DIM), torch.randn(N, DIM), 5.0
    found = np.exp(scale * _cosines(window, picture))
    forth = -np.log(np.diag(found) / found.sum(axis=1)).mean()
    back = -np.log(np.diag(found) / found.sum(axis=0)).mean()
    loss = info_nce(window, picture, torch.tensor(scale), torch.arange(N))
    assert float(loss) == pytest.approx((forth + back) / 2, rel=1e-5)


def test_info_nce_of_no_knowledge_is_the_logarithm_of_the_batch() -> None:
    loss = info_nce(torch.ones(N, DIM), torch.randn(N, DIM), torch.tensor(0.0), torch.arange(N))
    assert float(loss) == pytest.approx(math.log(N))


def test_the_same_picture_shown_again_is_not_held_against_a_window() -> None:
    window, picture = torch.randn(2, DIM), torch.randn(1, DIM).repeat(2, 1)
    assert float(info_nce(window, picture, torch.tensor(5.0), torch.tensor([7, 7]))) == pytest.approx(0.0, abs=1e-6)
    assert float(info_nce(window, picture, torch.tensor(5.0), torch.tensor([7, 8]))) > 0.1


def test_the_temperature_begins_as_published_is_learned_and_stays_below_its_largest() -> None:
    temperature = Temperature()
    assert float(temperature().detach()) == pytest.approx(1 / 0.07, rel=1e-5)
    loss = info_nce(torch.randn(N, DIM), torch.randn(N, DIM), temperature(), torch.arange(N))
    torch.autograd.backward(loss)
    assert float(temperature.log_scale.grad) != 0.0  # type: ignore[arg-type]
    torch.nn.init.constant_(temperature.log_scale, 9.0)
    temperature.constrain()
    assert float(temperature().detach()) == pytest.approx(100.0, rel=1e-5)


def test_the_loss_is_the_mixture_that_the_recipe_says_and_what_has_no_weight_is_left_out() -> None:
    read, target, compared = (torch.randn(N, DIM), torch.randn(N, 3)), torch.randn(N, DIM), torch.randn(N, 3)
    picture, temperature = torch.arange(N), Temperature()
    weights = ObjectiveSettings(squared_error=2.0, cosine=0.5, contrastive=0.25)
    parts = parts_of_loss(read, target, compared, picture, temperature, weights)
    wanted = (
        2 * squared_error(read[0], target)
        + 0.5 * cosine_distance(read[0], target)
        + 0.25 * info_nce(read[1], compared, temperature(), picture)
    )
    torch.testing.assert_close(parts["loss"], wanted)
    assert set(parts_of_loss(read, target, compared, picture, temperature, ObjectiveSettings())) == {
        "loss",
        "squared_error",
    }
