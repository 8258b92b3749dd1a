"""Patterns of a known mixing, and maps that are drawn where the places of the electrodes are known."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.calibration.ridge import LinearReader
from bci_app.contract.errors import SettingsError
from tests.training.evaluate.reader_world import brain_trials, linear_fit
from training.evaluate.reader_components import Components
from training.evaluate.reader_patterns import Topography, patterns, placed, topography, topography_svg


def _mixed(n: int, n_channels: int = 8, dim: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows (n, n_channels, 1) = latents @ mixing + noise that is shared by channels; latents and mixing."""
    rng = np.random.default_rng(seed)
    mixing, latents = rng.normal(size=(dim, n_channels)), rng.normal(size=(n, dim))
    shared = rng.normal(size=(n, 3)) @ rng.normal(size=(3, n_channels))
    windows = latents @ mixing + shared + 0.1 * rng.normal(size=(n, n_channels))
    return windows[:, :, np.newaxis].astype(np.float32), latents.astype(np.float32), mixing


def test_the_pattern_is_the_mixing_though_the_weights_are_not() -> None:
    windows, latents, mixing = _mixed(4000)
    reader = linear_fit(windows, latents, (), 0)
    pattern, accident = patterns(reader.weights, windows)
    np.testing.assert_allclose(pattern[:, 0], mixing.T, atol=0.08)
    weights = reader.weights[:, 0]
    assert abs(np.corrcoef(weights.ravel(), mixing.T.ravel())[0, 1]) < 0.8
    assert np.sqrt(accident.max()) < 0.08


def test_it_is_haufes_equation() -> None:
    windows, latents, _ = _mixed(300)
    reader = linear_fit(windows, latents, (), 0)
    x, weights = windows[:, :, 0].astype(np.float64), reader.weights[:, 0].astype(np.float64)
    covariance = np.cov((x @ weights).T)
    expected = np.cov(x.T) @ weights @ np.linalg.inv(covariance)
    spread = np.sqrt(np.diag(covariance) * 299 / 300)
    np.testing.assert_allclose(patterns(reader.weights, windows)[0][:, 0], expected * spread, rtol=1e-4)


def test_the_variance_by_accident_is_that_of_repeated_samples() -> None:
    reader = linear_fit(*_mixed(4000)[:2], (), 0)
    rng = np.random.default_rng(0)
    found = [patterns(reader.weights, rng.normal(size=(150, 8, 1)).astype(np.float32)) for _ in range(200)]
    # white signals: what a latent reads is known, the rest of the pattern is accident
    weights = reader.weights[:, 0] / np.linalg.norm(reader.weights[:, 0], axis=0)
    cross = weights.T @ weights
    expected = (weights @ np.linalg.inv(cross))[:, np.newaxis]
    errors = np.mean([(pattern - expected) ** 2 for pattern, _ in found])
    assert np.mean([accident for _, accident in found]) == pytest.approx(errors, rel=0.2)


def test_a_latent_that_is_read_twice_is_no_trouble() -> None:
    windows, latents, mixing = _mixed(2000, dim=1)
    reader = linear_fit(windows, np.repeat(latents, 2, axis=1), (), 0)
    pattern, _ = patterns(reader.weights, windows)
    np.testing.assert_allclose(pattern[:, 0].sum(axis=1), mixing[0], atol=0.1)


def _components(real: np.ndarray, low: np.ndarray) -> Components:
    return Components(real, low, real + 0.1, 0 * real, 0 * real, "correlation")


def test_latents_count_by_how_surely_they_are_read() -> None:
    windows, latents, mixing = _mixed(3000)
    trials = brain_trials(windows, ("",) * 3000)
    reader = linear_fit(windows, latents, (), 0)
    for each in (0, 1):
        low = np.where(np.arange(2) == each, 0.5, -0.1)
        found = topography(reader, trials, _components(low + 0.2, low))
        np.testing.assert_allclose(found.strength[0], np.abs(mixing[each]), atol=0.1)
    even = topography(reader, trials)
    np.testing.assert_allclose(even.strength[0], np.sqrt((mixing**2).mean(axis=0)), atol=0.1)
    none = topography(reader, trials, _components(np.zeros(2), np.full(2, -0.3)))
    np.testing.assert_allclose(none.strength, even.strength)
    assert even.parts_s == ((0.0, 0.01),)
    assert even.unit == "µV per standard deviation of what is read"


def test_parts_of_the_trial_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    latents = rng.normal(size=(500, 1)).astype(np.float32)
    windows = rng.normal(size=(500, 3, 8)).astype(np.float32)
    windows[:, 1, 4:] += 2 * latents  # the second channel, in the second half
    found = topography(linear_fit(windows, latents, (), 0), brain_trials(windows, ("",) * 500), n_parts=2)
    assert found.parts_s == ((0.0, 0.04), (0.04, 0.08))
    assert found.strength.argmax() == 3 + 1
    assert found.strength[1, 1] > 5 * found.strength[0].max()


def test_a_reader_of_other_trials_is_refused() -> None:
    windows, latents, _ = _mixed(50)
    reader = linear_fit(windows, latents, (), 0)
    with pytest.raises(SettingsError, match="Give the trials it was trained on"):
        topography(reader, brain_trials(windows[:, :3], ("",) * 50))
    with pytest.raises(SettingsError, match="2 latents; components were given for 3"):
        topography(reader, brain_trials(windows, ("",) * 50), _components(np.ones(3), np.ones(3)))


def _map_of(channels: tuple[str, ...], n_parts: int = 2) -> tuple[str, str]:
    strength = np.random.default_rng(0).random((n_parts, len(channels)))
    parts = tuple((0.1 * each, 0.1 * each + 0.1) for each in range(n_parts))
    return topography_svg(Topography(channels, strength, parts, "µV per standard deviation of what is read"))


def test_known_electrodes_are_drawn_without_a_note() -> None:
    left, middle, right = (
        ("Fp1", "F7", "F3", "T3", "C3", "T5", "P3", "o1"),
        ("Fz", "Cz", "PZ"),
        ("F4", "C4", "P4", "T4", "T6"),
    )
    drawing, note = _map_of((*left, *middle, *right), 1)
    assert drawing.startswith("<svg")
    assert note == ""


def test_few_electrodes_are_dots_and_unknown_ones_are_named() -> None:
    drawing, note = _map_of(("TP9", "AF7", "AF8", "TP10", "Right AUX"))
    assert drawing.startswith("<svg")
    assert note == "Not drawn, for want of a known place: Right AUX."


def test_the_places_are_those_of_the_head() -> None:
    places = {each["ch_name"]: each["loc"][:3] for each in placed(("fp1", "Oz", "T3", "T8", "Cz."))["chs"]}
    assert all(np.isfinite(place).all() for place in places.values())
    assert places["FP1"][1] > 0 > places["OZ"][1], "the second axis points to the nose"
    assert places["T3"][0] < 0 < places["T8"][0], "the first to the right ear"
    assert places["CZ"][2] == max(place[2] for place in places.values())


def test_voxels_and_neurons_get_a_note_instead_of_a_map() -> None:
    drawing, note = _map_of(tuple(f"neuron {each}" for each in range(12)))
    assert drawing == ""
    assert note.startswith("No map of the head: it needs 4 channels with a known place, and 0 of 12")
    assert "neuron 7 and others" in note


def test_names_that_differ_in_case_alone_are_no_trouble() -> None:
    assert len(placed(("Cz", "CZ", "Pz"))["chs"]) == 3


def test_weights_of_the_programs_reader_will_do() -> None:
    rng = np.random.default_rng(0)
    reader = LinearReader(
        rng.normal(size=(3, 5, 2)).astype(np.float32), np.zeros(2, np.float32), np.zeros(2, np.float32)
    )
    found = topography(reader, brain_trials(rng.normal(size=(40, 3, 5)), ("",) * 40))
    assert found.strength.shape == (4, 3)
    assert np.isfinite(found.strength).all()
