"""Wilson's interval against its formula, and its coverage against counted samples."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluate.intervals import clustered, share, wilson


@pytest.mark.parametrize(("n_hits", "n"), [(0, 10), (3, 10), (10, 10), (500, 1000)])
def test_wilson_solves_its_quadratic(n_hits: int, n: int) -> None:
    value, low, high = wilson(n_hits, n)
    assert value == n_hits / n
    for end in (low, high):  # (p - p0)^2 = z^2 p0 (1 - p0) / n
        assert (value - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / n, rel=1e-6, abs=1e-12)
    assert 0 <= low <= value <= high <= 1


def test_about_95_of_100_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(0)
    found = [share(rng.random(200) < 0.3) for _ in range(400)]
    assert 0.92 < np.mean([low <= 0.3 <= high for _, low, high in found]) < 0.98


def test_resampling_groups_is_the_standard_error_of_their_means() -> None:
    rng = np.random.default_rng(0)
    effects = rng.normal(size=50)
    scores, groups = np.repeat(effects, 8), np.repeat(np.arange(50), 8)  # eight times the same
    value, low, high = clustered(scores, groups)
    assert value == pytest.approx(effects.mean())
    assert high - low == pytest.approx(2 * 1.96 * effects.std() / np.sqrt(50), rel=0.1)
    _, low, high = clustered(scores, np.arange(400))
    assert high - low == pytest.approx(2 * 1.96 * effects.std() / np.sqrt(400), rel=0.1)
