"""Vectors of words have the variances and correlations that the module's formula says."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.simulation.semantics import CLASS_SHARE, FUNCTION_SHARE, Semantics
from bci_app.simulation.sentences import FUNCTION, vocabulary


def test_words_correlate_by_their_classes_share_and_with_no_others() -> None:
    dim = 2000
    semantics = Semantics(dim)
    products = semantics.vectors @ semantics.vectors.T / dim
    classes = np.array([vocabulary()[word] for word in semantics.words])
    same, off = classes[:, None] == classes[None], ~np.eye(len(classes), dtype=bool)
    functions = (classes == FUNCTION)[:, None] & same
    error = 4 / np.sqrt(dim)
    assert np.diag(products).mean() == pytest.approx(1.0, abs=error)
    assert products[same & off & ~functions].mean() == pytest.approx(CLASS_SHARE, abs=error)
    assert products[functions & off].mean() == pytest.approx(FUNCTION_SHARE, abs=error)
    assert products[~same].mean() == pytest.approx(0.0, abs=error)


def test_a_word_has_one_vector_however_it_is_printed() -> None:
    semantics = Semantics(8, seed=1)
    one, other = semantics.of(["Film,", "film."])
    assert np.array_equal(one, other)
    assert not np.array_equal(one, Semantics(8, seed=2).of(["film"])[0])
    assert not semantics.vectors.flags.writeable


def test_a_word_that_the_grammar_does_not_know_is_refused() -> None:
    with pytest.raises(SettingsError, match="'xylophone' is none of them"):
        Semantics(4).of(["The", "xylophone"])
