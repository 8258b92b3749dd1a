"""Features of words: linear in the vector, in noise of known covariance, so that what they tell is known."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.simulation.semantics import Semantics
from bci_app.simulation.sentences import word_prior
from bci_app.simulation.settings import ReadingSettings
from bci_app.simulation.word_features import STRENGTH, WordFeatures, bits_per_word, entropy_per_word

NONE, SOME = ReadingSettings(information=0.0), ReadingSettings()
WORDS = ("The", "clever", "film", "seems", "dull.")


def test_features_are_linear_in_the_vector_and_the_noise_knows_nothing_of_the_words() -> None:
    reader, blind = WordFeatures(SOME, 1, 3), WordFeatures(NONE, 1, 3)
    seen, noise = (each.read(WORDS, np.random.default_rng(5)) for each in (reader, blind))
    other = blind.read(("In", "1920", "Anna", "visited", "Rome."), np.random.default_rng(5))
    assert np.array_equal(noise, other), "without information nothing but the number of words is left"
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen - noise, Semantics(SOME.dim).of(WORDS) @ reader.mixing.T, atol=1e-5)


def test_noise_has_the_covariance_of_the_formula() -> None:
    blind, n = WordFeatures(NONE, 0, 2), 20_000
    noise = blind.read(("film",) * n, np.random.default_rng(0)).astype(float)
    band, channel = divmod(np.arange(16), 2)
    wanted = 0.6 ** abs(band[:, None] - band) * 0.7 ** abs(channel[:, None] - channel)
    assert blind.rows[:3] == ("GD_t1/ch01", "GD_t1/ch02", "GD_t2/ch01")
    np.testing.assert_allclose(noise.T @ noise / n, wanted, atol=5 * np.sqrt(2 / n))


@pytest.mark.parametrize("n_channels", [2, 8])
def test_information_is_the_signal_to_noise_ratio_of_a_vectors_number(n_channels: int) -> None:
    strong = WordFeatures(ReadingSettings(information=1.5), 2, n_channels).precision()
    assert np.trace(strong) / SOME.dim == pytest.approx((1.5 * STRENGTH) ** 2)


def test_participants_share_as_much_of_their_mixing_as_they_are_told() -> None:
    one, other = (WordFeatures(ReadingSettings(shared=0.6, dim=64), subject, 16).mixing for subject in (0, 1))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] == pytest.approx(0.6, abs=4 / np.sqrt(one.size))


def test_bits_per_word_are_none_without_information_and_the_entropy_with_much() -> None:
    assert bits_per_word(NONE).bits == pytest.approx(0.0, abs=1e-9)
    found, entropy = bits_per_word(ReadingSettings(information=10.0)), entropy_per_word(SOME)
    assert found.bits == pytest.approx(entropy, abs=4 * found.standard_error)
    some = bits_per_word(SOME)
    assert 4.5 < some.bits < 5.7, "about 5 bits by default"
    assert some.bits < bits_per_word(ReadingSettings(information=2.0)).bits <= entropy + 4 * found.standard_error


def test_of_little_information_bits_are_half_the_trace_of_signal_times_precision() -> None:
    """The first term of mutual information in the signal's power: tr(G Cov v) / 2, in nats."""
    weak = ReadingSettings(information=0.1, tasks=("TSR",), dim=6)
    words, prior = word_prior(weak.tasks)
    vectors = Semantics(weak.dim).of(words)
    spread = np.cov(vectors.T, aweights=prior, bias=True)
    wanted = 0.5 * np.trace(WordFeatures(weak, 0, 2).precision() @ spread) / np.log(2)
    found = bits_per_word(weak, n_channels=2, n=40_000)
    assert found.bits == pytest.approx(wanted, abs=4 * found.standard_error)
    assert found.standard_error < 0.1 * wanted
