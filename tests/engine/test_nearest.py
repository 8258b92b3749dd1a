"""The nearest known pictures are those with the highest correlation, and the one shown is marked and ranked."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.engine.nearest import KnownPictures
from bci_app.pictures.picture import Picture, make_picture

CENTRE = np.zeros(4)


def picture(level: int) -> Picture:
    return make_picture(np.full((2, 2, 3), level, np.uint8), "flat", str(level))


def known(latents: np.ndarray) -> KnownPictures:
    bank = KnownPictures()
    for level, latent in enumerate(latents):
        bank.add(picture(level), latent)
    return bank


def test_without_a_known_picture_there_is_no_nearest() -> None:
    assert KnownPictures().nearest(np.ones(4), CENTRE) is None


def test_the_order_is_that_of_numpy_s_correlation() -> None:
    rng = np.random.default_rng(0)
    latents, read = rng.normal(size=(20, 4)), rng.normal(size=4)
    nearest = known(latents).nearest(read, CENTRE)
    expected = np.array([np.corrcoef(read, latent)[0, 1] for latent in latents])
    assert nearest is not None
    assert [each.picture.label for each in nearest.neighbours] == [str(i) for i in np.argsort(-expected)[:3]]
    assert [each.fit for each in nearest.neighbours] == pytest.approx(np.sort(expected)[::-1][:3])
    assert (nearest.n_known, nearest.rank, nearest.noise_rank) == (20, None, None)


def test_the_picture_shown_is_marked_among_them_and_ranked_beside_noise_and_chance() -> None:
    latents = np.eye(4)
    nearest = known(latents).nearest(np.array([3.0, 2.0, 1.0, 0.0]), CENTRE, picture(1), np.array([0.0, 0.0, 0.0, 1.0]))
    assert nearest is not None
    assert [(each.picture.label, each.shown) for each in nearest.neighbours] == [
        ("0", False),
        ("1", True),
        ("2", False),
    ]
    assert nearest.rank == 2
    assert nearest.noise_rank == 3  # the mean of 2, 3 and 4
    assert nearest.chance_rank == 2.5


def test_a_picture_shown_again_is_known_once_and_one_never_known_has_no_rank() -> None:
    bank = known(np.eye(4))
    bank.add(picture(2), np.ones(4))
    assert len(bank) == 4
    nearest = bank.nearest(np.arange(4.0), CENTRE, picture(99))
    assert nearest is not None
    assert nearest.rank is None
    assert not any(each.shown for each in nearest.neighbours)


def test_ranks_of_readings_that_know_nothing_average_to_chance() -> None:
    rng = np.random.default_rng(1)
    bank = known(rng.normal(size=(9, 4)))
    ranks = [bank.nearest(rng.normal(size=4), CENTRE, picture(i % 9)).rank for i in range(900)]  # type: ignore[union-attr]
    assert np.mean(ranks) == pytest.approx(5.0, abs=0.3)
