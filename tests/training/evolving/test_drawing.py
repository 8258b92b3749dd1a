"""Cosines: amplitudes fall as 1/f, contrast is that of photographs, and a code is what is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft

from training.evolving.drawing import SPECTRAL, draw_spectral, open_drawing


def test_pictures_of_the_prior_have_the_level_and_contrast_of_photographs() -> None:
    drawing = open_drawing(SPECTRAL)
    pictures = drawing.draw(drawing.space.sample(np.random.default_rng(0), 100)).astype(float)
    assert pictures.shape == (100, 64, 64, 3)
    # single pictures vary about it, since few coarse coefficients hold most of the contrast; clipping takes some
    assert pictures.mean() == pytest.approx(110, abs=10)
    assert pictures.std() == pytest.approx(58, rel=0.25)


def test_amplitudes_fall_with_one_over_the_frequency() -> None:
    drawing = open_drawing(SPECTRAL)
    codes = 0.1 * drawing.space.sample(np.random.default_rng(0), 150)  # so weak that nothing is clipped
    levels = drawing.draw(codes).mean(axis=3) - 110.0
    spectrum = fft.dctn(levels, axes=(1, 2), norm="ortho").std(axis=0)
    along = spectrum[0, 2:9]
    np.testing.assert_allclose(along / along[0], 2 / np.arange(2, 9), rtol=0.3)


def test_no_code_gives_the_middle_grey_and_a_generator_bundle_is_opened_as_it_is() -> None:
    np.testing.assert_array_equal(draw_spectral(np.zeros((1, 3072), np.float32)), 110)
    drawing = open_drawing("bci_app/bundles/pictures64")
    assert (drawing.name, drawing.space.dim) == ("pictures64", 40)
    assert drawing.draw(np.zeros((2, 40), np.float32)).shape == (2, 64, 64, 3)
