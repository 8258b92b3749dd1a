"""Where codes live."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SignalError
from bci_app.contract.manifest import LatentSpace
from bci_app.evolution.space import SearchSpace


def test_space_of_a_generator_has_its_dimensions_truncation_and_digest() -> None:
    space = SearchSpace.of(LatentSpace(id="x", dim=9, truncation=2.0, generator_sha256="a" * 64))
    assert (space.dim, space.truncation, space.generator_sha256, space.norm) == (9, 2.0, "a" * 64, 3.0)


def test_samples_are_standard_normal() -> None:
    codes = SearchSpace(500).sample(np.random.default_rng(0), 40)
    assert codes.dtype == np.float32
    assert codes.mean() == pytest.approx(0, abs=5 / np.sqrt(codes.size))
    assert codes.std() == pytest.approx(1, abs=5 / np.sqrt(2 * codes.size))


def test_confined_codes_are_clipped_at_the_truncation_alone() -> None:
    codes = np.array([[-9.0, 0.25, 1.5]])
    np.testing.assert_array_equal(SearchSpace(3, truncation=1.5).confine(codes), [[-1.5, 0.25, 1.5]])
    np.testing.assert_array_equal(SearchSpace(3).confine(codes), codes)


def test_codes_of_another_length_are_refused() -> None:
    with pytest.raises(SignalError, match=r"\(any, 3\); got \(2, 4\)"):
        SearchSpace(3).check(np.zeros((2, 4)), "The codes")


def test_codes_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(SignalError, match="finite"):
        SearchSpace(3).check(np.full((2, 3), np.nan), "The codes")
