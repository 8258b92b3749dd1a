"""An encoder that inverts its generator is told from one that knows nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.evaluate.conftest import DIM, World
from training.evaluate.encoder_scores import encoder_scores
from training.evaluate.sample_scores import Comparison

N = 100


def _by_name(rows: tuple[Comparison, ...]) -> dict[str, Comparison]:
    return {row.name: row for row in rows}


def test_an_inverse_scores_near_one_and_every_control_is_at_chance(world: World) -> None:
    rows = encoder_scores(world.generate, world.encode, world.split, world.space, np.random.default_rng(0), N)
    names = list(_by_name(rows))
    assert names[:4] == [
        "pixel correlation",
        "pairwise identification by pixels",
        "100-way identification by pixels",
        "pairwise identification by latents",
    ]
    assert names[4:6] == ["pairwise identification by features", "100-way identification by features"]
    assert names[7:] == ["pairwise identification of z from E(G(z))", "100-way identification of z from E(G(z))"]
    for row in rows:
        assert row.value > 0.9
        assert row.n == N
        assert row.low is not None
        assert row.high is not None
        assert row.low <= row.value <= row.high
        assert row.shuffled == pytest.approx(row.chance, abs=0.13)
        assert row.noise == pytest.approx(row.chance, abs=0.13)


def test_an_encoder_that_knows_the_class_alone_keeps_the_class_alone(world: World) -> None:
    def class_only(images: np.ndarray) -> np.ndarray:
        codes = np.zeros((len(images), DIM), np.float32)
        codes[:, 0] = np.sign(world.encode(images)[:, 0])
        return codes

    rows = _by_name(encoder_scores(world.generate, class_only, world.split, world.space, np.random.default_rng(0), N))
    kept = rows["class kept: the classifier sees the class of x in G(E(x))"]
    assert kept.value > 0.95
    assert kept.real is not None
    assert kept.real > 0.95
    assert rows["100-way identification by features"].value < 0.05
    assert 0.6 < rows["pairwise identification by features"].value < 0.9


def test_without_the_same_classes_nothing_is_said_about_them(world: World) -> None:
    space = replace(world.space, classes=("other", "names"))
    rows = _by_name(encoder_scores(world.generate, world.encode, world.split, space, np.random.default_rng(0), 30))
    assert not any(name.startswith("class kept") for name in rows)
