"""Noise has the moments its formula gives; scores find their pictures by id, and what did not come is NaN."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from bci_app.contract.errors import SettingsError, SignalError
from bci_app.evolution.scoring import (
    AnyNoise,
    GaussianNoise,
    MultiplicativeNoise,
    NoNoise,
    PoissonNoise,
    amplitude,
    average,
    firing_rate,
    join,
    present,
    similarity,
)

N = 40_000
CLEAN = np.array([0.5, 2.0, 5.0])


def drawn(noise: AnyNoise) -> np.ndarray:
    return noise.add(np.broadcast_to(CLEAN, (N, 3)), np.random.default_rng(0))


@pytest.mark.parametrize("scale", [0.5, 4.0])
def test_poisson_noise_has_the_mean_of_the_response_and_its_variance_over_scale(scale: float) -> None:
    noisy = drawn(PoissonNoise(scale=scale))
    standard_error = np.sqrt(CLEAN / scale / N)
    np.testing.assert_array_less(np.abs(noisy.mean(axis=0) - CLEAN), 5 * standard_error)
    np.testing.assert_allclose(noisy.var(axis=0), CLEAN / scale, rtol=0.06)
    np.testing.assert_allclose(noisy * scale, np.round(noisy * scale), atol=1e-9)  # whole spikes


def test_a_negative_rate_is_refused_unless_it_is_to_be_clipped() -> None:
    rates, rng = np.array([-1.0, 2.0]), np.random.default_rng(0)
    with pytest.raises(SignalError, match="1 of 2 responses are, the lowest -1"):
        PoissonNoise().add(rates, rng)
    assert PoissonNoise(negative="clip").add(rates, rng)[0] == 0


def test_gaussian_noise_adds_its_standard_deviation_whatever_the_response() -> None:
    noisy = drawn(GaussianNoise(sd=0.7))
    np.testing.assert_allclose(noisy.mean(axis=0), CLEAN, atol=5 * 0.7 / np.sqrt(N))
    np.testing.assert_allclose(noisy.std(axis=0), 0.7, rtol=0.03)


def test_multiplicative_noise_grows_with_the_response_and_never_turns_its_sign() -> None:
    ratio = drawn(MultiplicativeNoise(level=0.2)) / CLEAN
    np.testing.assert_allclose(ratio.std(axis=0), 0.2, rtol=0.03)
    strong = drawn(MultiplicativeNoise(level=2.0)) / CLEAN
    assert strong.min() == 0
    # a normal variable with mean 1 and deviation 2 lies below 0 with probability 0.3085
    assert np.mean(strong == 0) == pytest.approx(0.3085, abs=0.01)


@pytest.mark.parametrize("noise", [NoNoise(), GaussianNoise(sd=0), MultiplicativeNoise(level=0)])
def test_no_noise_leaves_responses_as_they_are(noise: AnyNoise) -> None:
    np.testing.assert_array_equal(noise.add(CLEAN, np.random.default_rng(0)), CLEAN)


def test_noise_is_described_by_plain_settings_and_unknown_ones_are_refused() -> None:
    adapter: TypeAdapter[AnyNoise] = TypeAdapter(AnyNoise)
    for noise in (NoNoise(), PoissonNoise(scale=3), GaussianNoise(sd=2), MultiplicativeNoise(level=0.5)):
        assert adapter.validate_python(noise.model_dump()) == noise
    with pytest.raises(ValidationError):
        adapter.validate_python({"kind": "poisson", "level": 1})
    with pytest.raises(SignalError, match="finite numbers before noise"):
        NoNoise().add(np.array([np.nan]), np.random.default_rng(0))


def test_repeats_are_averaged_over_those_that_came() -> None:
    found = average(np.array([[1.0, np.nan, 4.0], [3.0, np.nan, np.nan]]))
    np.testing.assert_array_equal(found.scores, [2.0, np.nan, 4.0])
    np.testing.assert_array_equal(found.n_came, [2, 0, 1])
    with pytest.raises(SignalError, match="one is infinite"):
        average(np.array([[np.inf]]))


def test_the_mean_of_repeats_has_a_variance_as_many_times_smaller() -> None:
    rng = np.random.default_rng(0)
    found = present(np.full(N, 2.0), GaussianNoise(sd=1.0), 4, rng)
    assert found.scores.var() == pytest.approx(1 / 4, rel=0.04)
    assert set(found.n_came) == {4}
    with pytest.raises(SettingsError, match="at least once; got 0"):
        present(CLEAN, NoNoise(), 0, rng)


def test_scores_find_their_pictures_by_id_in_whatever_order_they_come() -> None:
    ids = tuple("abcde")
    responses = [("c", 3.0), ("a", 1.0), ("c", 5.0), ("e", np.nan), ("b", 2.0), ("e", np.nan)]
    wanted = join(ids, responses)
    np.testing.assert_array_equal(wanted.scores, [1.0, 2.0, 4.0, np.nan, np.nan])
    np.testing.assert_array_equal(wanted.n_came, [1, 1, 2, 0, 0])
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(responses))
        again = join(ids, iter([responses[number] for number in order]))
        np.testing.assert_array_equal(again.scores, wanted.scores)
    assert np.isnan(join(ids, []).scores).all()


def test_a_response_to_a_picture_that_was_not_shown_is_an_error() -> None:
    with pytest.raises(SignalError, match="one of the 2 pictures that were shown; z is none of them"):
        join(("a", "b"), [("a", 1.0), ("z", 1.0)])
    with pytest.raises(SignalError, match="these stand twice: a"):
        join(("a", "a"), [])
    with pytest.raises(SignalError, match="one is infinite"):
        join(("a",), [("a", np.inf)])


def test_the_amplitude_is_the_mean_over_channels_and_latencies() -> None:
    window = np.arange(12.0).reshape(3, 4)
    assert amplitude(window, (0, 2), (1, 3)) == (1 + 2 + 9 + 10) / 4
    for rows, samples in (((3,), (0, 1)), ((), (0, 1)), ((0,), (2, 2)), ((0,), (0, 5)), ((-1,), (0, 1))):
        with pytest.raises(SettingsError, match="inside the trial"):
            amplitude(window, rows, samples)


def test_a_firing_rate_is_spikes_over_seconds() -> None:
    assert firing_rate(np.array([3, 0, 2]), 0.25) == 20.0
    with pytest.raises(SettingsError, match="above 0 s"):
        firing_rate(np.array([1]), 0.0)


def test_similarity_is_the_cosine_seen_from_the_mean() -> None:
    mean, along = np.array([1.0, 1.0]), np.array([1.0, 0.0])
    assert similarity(mean + 2 * along, mean + 3 * along, mean) == pytest.approx(1)
    assert similarity(mean + along, mean + np.array([1.0, np.sqrt(3)]), mean) == pytest.approx(np.cos(np.pi / 3))
    assert similarity(mean + along, mean - 5 * along, mean) == pytest.approx(-1)
    assert similarity(mean, mean + along, mean) == 0
