"""The harness: who is trained on what, what the controls are, and that nothing of the test side is used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bci_app.calibration.ridge import fit_reader
from bci_app.contract.errors import SettingsError
from tests.training.evaluate.reader_world import DIM, brain_trials, linear_fit, linear_world
from training.evaluate.reader_reading import averaged, cross_validated_reading, repeats, scaled


@dataclass
class Recorded:
    """A reader that gives the mean target, and remembers what it was fitted on and what it has read."""

    windows: np.ndarray
    targets: np.ndarray
    groups: tuple[str, ...]
    seed: int

    def __post_init__(self) -> None:
        self.mean_target = self.targets.mean(axis=0)
        self.was_read: list[np.ndarray] = []

    def read(self, windows: np.ndarray) -> np.ndarray:
        self.was_read.append(windows)
        return np.broadcast_to(self.mean_target, (len(windows), len(self.mean_target)))


def test_each_fold_fits_twice_on_its_training_trials_alone() -> None:
    trials, targets = linear_world(30)
    folds = [(np.arange(10, 30), np.arange(10)), (np.arange(20), np.arange(20, 30))]
    fits: list[Recorded] = []
    told: list[tuple[int, int, str]] = []

    def fit(*given: object) -> Recorded:
        fits.append(Recorded(*given))  # type: ignore[arg-type]
        return fits[-1]

    reading = cross_validated_reading(fit, trials, targets, folds, 3, lambda *each: told.append(each), "two thirds")
    assert len(fits) == 4
    for number, (train, test) in enumerate(folds):
        real, misled = fits[2 * number : 2 * number + 2]
        for each in (real, misled):
            np.testing.assert_array_equal(each.windows, trials.windows[train])
            pairs = dict(zip(trials.pictures, map(tuple, targets), strict=True))
            assert [pairs[name] for name in each.groups] == list(map(tuple, each.targets)), "ids go with their targets"
        np.testing.assert_array_equal(real.targets, targets[train])
        assert sorted(map(tuple, misled.targets)) == sorted(map(tuple, targets[train]))
        assert (misled.targets != targets[train]).any()
        np.testing.assert_array_equal(real.was_read[0], trials.windows[test])
        np.testing.assert_array_equal(misled.was_read[0], trials.windows[test])
        assert real.was_read[1].shape == trials.windows[test].shape
        rows = reading.fold == number
        np.testing.assert_allclose(reading.centre[rows], np.tile(targets[train].mean(axis=0), (10, 1)), rtol=1e-5)
        np.testing.assert_allclose(reading.spread[rows], np.tile(targets[train].std(axis=0), (10, 1)), rtol=1e-5)
    np.testing.assert_array_equal(reading.trial, [*range(10), *range(20, 30)])
    np.testing.assert_array_equal(reading.target, targets[reading.trial])
    assert reading.pictures == tuple(trials.pictures[each] for each in reading.trial)
    assert (reading.held_out, reading.seen.any(), told[-1][0]) == ("two thirds", False, told[-1][1])


def test_the_noise_input_is_matched_to_the_training_trials() -> None:
    trials, targets = linear_world(400, noise=0.1)
    folds = [(np.arange(350), np.arange(350, 400))]
    fits: list[Recorded] = []

    def fit(*given: object) -> Recorded:
        fits.append(Recorded(*given))  # type: ignore[arg-type]
        return fits[-1]

    cross_validated_reading(fit, trials, targets, folds)
    noise, train = fits[0].was_read[1], trials.windows[:350]
    assert noise.std() == pytest.approx(train.std(), rel=0.1)
    np.testing.assert_allclose(
        np.cov(noise.reshape(50, -1).T).trace(), np.cov(train.reshape(350, -1).T).trace(), rtol=0.2
    )


def test_the_same_seed_gives_the_same_reading() -> None:
    trials, targets = linear_world(40)
    folds = [(np.arange(30), np.arange(30, 40))]
    first, second, other = (cross_validated_reading(linear_fit, trials, targets, folds, seed) for seed in (1, 1, 2))
    for key in ("real", "noise", "shuffled"):
        np.testing.assert_array_equal(getattr(first, key), getattr(second, key))
    assert (first.noise != other.noise).any()


def test_a_picture_on_both_sides_is_marked() -> None:
    trials, targets = linear_world(20, repeats=2)
    reading = cross_validated_reading(linear_fit, trials, targets, [(np.arange(1, 20), np.arange(1))])
    assert reading.seen.tolist() == [True]


@pytest.mark.parametrize(
    ("folds", "words"),
    [
        ([], "one side is empty"),
        ([(np.arange(20), np.arange(0))], "one side is empty"),
        ([(np.arange(20), np.arange(15, 30))], "5 on both sides, such as trial 15"),
    ],
)
def test_folds_that_cannot_be_meant_are_refused(folds: list, words: str) -> None:
    trials, targets = linear_world(30)
    with pytest.raises(SettingsError, match=words):
        cross_validated_reading(linear_fit, trials, targets, folds)


def test_targets_of_other_trials_are_refused() -> None:
    trials, targets = linear_world(30)
    with pytest.raises(SettingsError, match="Each of the 30 trials"):
        cross_validated_reading(linear_fit, trials, targets[:20], [(np.arange(20), np.arange(20, 30))])


def test_an_average_is_the_mean_over_repeats_within_a_fold() -> None:
    trials, targets = linear_world(24, repeats=4)  # pictures 0 to 5, one after the other, four times
    folds = [(np.arange(12, 24), np.arange(12)), (np.arange(12), np.arange(12, 24))]
    reading = cross_validated_reading(linear_fit, trials, targets, folds)
    mean = averaged(reading)
    assert (len(mean), mean.n_repeats, len(repeats(reading))) == (12, 2, 12)
    for row in range(12):
        same = (reading.fold == mean.fold[row]) & (np.array(reading.pictures) == mean.pictures[row])
        assert same.sum() == 2
        for key in ("real", "noise", "shuffled"):
            np.testing.assert_allclose(getattr(mean, key)[row], getattr(reading, key)[same].mean(axis=0), rtol=1e-5)
        np.testing.assert_array_equal(mean.target[row], reading.target[same][0])
    single = averaged(reading, 1)
    assert all((row == reading.real).all(axis=1).any() for row in single.real)
    with pytest.raises(SettingsError, match=r"average over 3 repeats .* has 2"):
        averaged(reading, 3)


def test_scaling_divides_by_the_training_spread_and_drops_what_has_none() -> None:
    trials, targets = linear_world(40)
    targets = np.column_stack([targets, np.full(40, 7), 1e-9 * targets[:, 0]]).astype(np.float32)
    reading = cross_validated_reading(linear_fit, trials, targets, [(np.arange(30), np.arange(30, 40))])
    found = scaled(reading)
    expected = (targets[30:] - targets[:30].mean(axis=0)) / np.maximum(targets[:30].std(axis=0), 1e-9)
    np.testing.assert_allclose(found.target[:, :DIM], expected[:, :DIM], rtol=1e-3, atol=1e-5)
    assert not found.target[:, DIM:].any()
    assert not found.real[:, DIM:].any()
    assert not found.centre.any()
    assert found.scaled


def test_the_programs_own_reader_fits_in() -> None:
    trials, targets = linear_world(60)
    reading = cross_validated_reading(
        lambda windows, targets, groups, seed: fit_reader(windows, targets, 1),
        trials,
        targets,
        [(np.arange(50), np.arange(50, 60))],
    )
    assert np.corrcoef(reading.real.ravel(), reading.target.ravel())[0, 1] > 0.9


def test_trials_without_a_picture_are_never_taken_for_the_same_one() -> None:
    trials = brain_trials(np.random.default_rng(0).normal(size=(20, 3, 2)), ("",) * 20)
    targets = np.random.default_rng(1).normal(size=(20, DIM)).astype(np.float32)
    reading = cross_validated_reading(linear_fit, trials, targets, [(np.arange(15), np.arange(15, 20))])
    assert not reading.seen.any()
