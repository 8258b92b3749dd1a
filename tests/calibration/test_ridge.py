"""The linear reader against a closed form, its noise, its controls."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from bci_app.calibration import ridge
from bci_app.calibration.ridge import cross_validate, fit_noise, fit_reader
from bci_app.contract.errors import SettingsError

N_TRIALS, N_CHANNELS, N_TIMES, DIM, BIN = 120, 5, 12, 3, 4


def problem(signal: float, n: int = N_TRIALS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Trials of correlated noise in which a latent is linearly contained, `signal` times as large; and the latents."""
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(n, DIM)).astype(np.float32)
    pattern = rng.normal(size=(DIM, N_CHANNELS, N_TIMES))
    mixing = rng.normal(size=(N_CHANNELS, N_CHANNELS))
    noise = mixing @ rng.normal(size=(n, N_CHANNELS, N_TIMES)) + rng.normal(size=(N_CHANNELS, N_TIMES))
    return (5 * (noise + signal * np.einsum("nd,dct->nct", targets, pattern))).astype(np.float32), targets


def by_hand(windows: np.ndarray, targets: np.ndarray, new: np.ndarray) -> np.ndarray:
    """What the reader should read from `new`, written from the formulas: whiten, bin, scale, leave one out, solve, stretch."""
    rest = (windows - windows.mean(axis=0)).astype(np.float64)
    covariance = sum(trial @ trial.T for trial in rest) / (len(rest) * rest.shape[2])
    loaded = covariance + (1e-3 * np.trace(covariance) / len(covariance) + 1e-12) * np.eye(len(covariance))
    values, vectors = np.linalg.eigh(loaded)
    white = vectors @ np.diag(values**-0.5) @ vectors.T

    def features(trials: np.ndarray) -> np.ndarray:
        whitened = np.einsum("ij,njt->nit", white, trials)
        return whitened.reshape(len(trials), N_CHANNELS, N_TIMES // BIN, BIN).mean(axis=3).reshape(len(trials), -1)

    x = features(windows)
    middle, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    x, x_new = (x - middle) / spread, (features(new) - middle) / spread
    read = np.empty((len(new), DIM))
    for d in range(DIM):
        y, errors = targets[:, d].astype(np.float64), []
        for penalty in ridge.PENALTIES:
            hat = x @ np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T) + 1 / len(x)  # 1/n: the intercept
            errors.append(np.mean(((y - y.mean() - hat @ (y - y.mean())) / (1 - np.diag(hat))) ** 2))
        best = ridge.PENALTIES[int(np.argmin(errors))]
        left_out = np.empty(len(x))
        for trial in range(len(x)):
            others = np.arange(len(x)) != trial
            left_out[trial] = solved(x[others], y[others], best, x[[trial]])[0]
        stretch = min(y.std() / np.sqrt(np.mean((left_out - y.mean()) ** 2)), 10.0) ** (2 / 3)
        read[:, d] = y.mean() + stretch * (solved(x, y, best, x_new) - y.mean())
    return read


def solved(x: np.ndarray, y: np.ndarray, penalty: float, new: np.ndarray) -> np.ndarray:
    """Ridge with an intercept that is not punished, by its normal equations."""
    middle, centred = x.mean(axis=0), x - x.mean(axis=0)
    weights = np.linalg.solve(centred.T @ centred + penalty * np.eye(x.shape[1]), centred.T @ (y - y.mean()))
    return np.asarray((new - middle) @ weights + y.mean())


@pytest.mark.parametrize("signal", [0.0, 0.15, 1.0])
def test_the_folded_matrix_reads_what_the_formulas_written_out_read(signal: float) -> None:
    windows, targets = problem(signal)
    new, _ = problem(signal, n=30, seed=9)
    reader = fit_reader(windows, targets, BIN)
    np.testing.assert_allclose(reader.read(new), by_hand(windows, targets, new), atol=2e-4)
    np.testing.assert_allclose(reader.mean_target, targets.mean(axis=0), atol=1e-6)


def test_the_reading_does_not_depend_on_the_unit_of_the_trials() -> None:
    windows, targets = problem(0.3)
    one, other = fit_reader(windows, targets, BIN), fit_reader(1000 * windows, targets, BIN)
    np.testing.assert_allclose(one.read(windows), other.read(1000 * windows), atol=1e-3)


def test_readings_of_new_trials_spread_as_the_latents_do() -> None:
    both, targets = problem(0.25, n=2 * N_TRIALS)
    read = fit_reader(both[:N_TRIALS], targets[:N_TRIALS], BIN).read(both[N_TRIALS:])
    np.testing.assert_allclose(read.std(axis=0) / targets[N_TRIALS:].std(axis=0), 1.0, atol=0.3)


def test_a_last_bin_may_be_shorter() -> None:
    windows, targets = problem(0.3)
    assert fit_reader(windows[:, :, :10], targets, 4).weights.shape == (N_CHANNELS, 10, DIM)


def test_a_channel_that_is_the_sum_of_others_does_no_harm() -> None:
    windows, targets = problem(0.5)
    referenced = windows - windows.mean(axis=1, keepdims=True)
    read = fit_reader(referenced, targets, BIN).read(referenced)
    assert np.isfinite(read).all()
    assert np.corrcoef(read[:, 0], targets[:, 0])[0, 1] > 0.5


def test_drawn_noise_has_mean_and_covariances_of_the_trials() -> None:
    rng = np.random.default_rng(3)
    space, time = np.tril(rng.normal(size=(4, 4))) + 3 * np.eye(4), np.tril(rng.normal(size=(6, 6))) + 2 * np.eye(6)
    mean = 10 * rng.normal(size=(4, 6))
    windows = (mean + space @ rng.normal(size=(4000, 4, 6)) @ time.T).astype(np.float32)
    drawn = fit_noise(windows).draw(np.random.default_rng(4), 4000)
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn.mean(axis=0), windows.mean(axis=0), atol=1.5)
    got, expected = (np.cov(each.reshape(len(each), -1).T) for each in (drawn, windows))
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert np.abs((got - expected) / scale).max() < 0.12
    assert stats.kstest((drawn[:, 0, 0] - drawn[:, 0, 0].mean()) / drawn[:, 0, 0].std(), "norm").pvalue > 1e-3


def voxels(n_trials: int, n_voxels: int, n_times: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Trials of a pattern for each latent among many channels, and the latents."""
    rng = np.random.default_rng(n_voxels)
    targets = rng.normal(size=(n_trials, DIM)).astype(np.float32)
    pattern = rng.normal(size=(DIM, n_voxels, n_times)).astype(np.float32)
    noise = rng.normal(size=(n_trials, n_voxels, n_times)).astype(np.float32)
    return 100 + noise + np.einsum("nd,dct->nct", targets, pattern, optimize=True), targets


def test_five_thousand_voxels_take_no_matrix_of_voxels_by_voxels() -> None:
    windows, targets = voxels(60, 5000)
    tracemalloc.start()
    try:
        reader, noise = fit_reader(windows, targets), fit_noise(windows)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 25e6  # a covariance in single precision would take 100 MB
    assert noise.space.shape == (5000, 60)
    assert np.corrcoef(reader.read(windows).ravel(), targets.ravel())[0, 1] > 0.95


def test_noise_of_many_channels_has_exactly_the_trials_covariance_where_a_trial_is_one_time() -> None:
    windows, _ = voxels(20, 600)
    noise = fit_noise(windows)
    wanted = np.cov(windows[:, :, 0].T, bias=True)
    np.testing.assert_allclose(noise.space @ noise.space.T, wanted, atol=1e-3)
    drawn = noise.draw(np.random.default_rng(0), 3000)
    np.testing.assert_allclose(drawn.std(axis=0) / windows.std(axis=0), 1.0, atol=0.1)


def test_noise_of_many_channels_and_times_has_the_variance_of_each() -> None:
    windows, _ = voxels(20, 600, 3)
    noise = fit_noise(windows)
    assert noise.space.shape == (600, 20)
    variances = ((windows - windows.mean(axis=0)) ** 2).mean(axis=(0, 2))
    np.testing.assert_allclose((noise.space**2).sum(axis=1), variances, rtol=1e-4)
    assert noise.draw(np.random.default_rng(0), 2).shape == (2, 600, 3)


def test_the_scale_of_a_voxel_does_not_matter() -> None:
    windows, targets = voxels(40, 60)
    scales = np.logspace(-2, 2, 60, dtype=np.float32)[:, np.newaxis]
    np.testing.assert_allclose(
        fit_reader(windows, targets).read(windows),
        fit_reader(windows * scales, targets).read(windows * scales),
        atol=1e-2,
    )


def test_noise_says_nothing_of_the_pictures() -> None:
    windows, targets = problem(2.0)
    reader = fit_reader(windows, targets, BIN)
    read = reader.read(fit_noise(windows).draw(np.random.default_rng(0), len(windows)))
    correlations = [abs(np.corrcoef(read[:, d], targets[:, d])[0, 1]) for d in range(DIM)]
    assert max(correlations) < 0.3


def groups(n: int) -> list[str]:
    return [f"picture {i // 2}" for i in range(n)]


def test_cross_validation_finds_what_is_there_with_controls_at_chance() -> None:
    windows, targets = problem(1.0)
    score = cross_validate(windows, targets, groups(N_TRIALS), 5, bin_times=BIN)
    assert score.value > 0.8
    assert score.low is not None
    assert score.high is not None
    assert 0.5 < score.low < score.value < score.high
    assert (score.chance, score.n) == (0.5, N_TRIALS)
    assert score.noise_input == pytest.approx(0.5, abs=0.08)
    assert score.shuffled_pairing == pytest.approx(0.5, abs=0.08)


def test_cross_validation_finds_nothing_where_there_is_nothing() -> None:
    values = [cross_validate(*problem(0.0, seed=seed), groups(N_TRIALS), 5, bin_times=BIN).value for seed in range(4)]
    assert np.mean(values) == pytest.approx(0.5, abs=0.05)


def test_a_picture_shown_twice_never_stands_on_both_sides() -> None:
    """Each picture has a signature of its own that says nothing of its latent: only a leak could use it."""
    rng = np.random.default_rng(5)
    n_pictures = 40
    signatures = 20 * rng.normal(size=(n_pictures, N_CHANNELS, N_TIMES))
    latents = rng.normal(size=(n_pictures, DIM)).astype(np.float32)
    shown = np.repeat(np.arange(n_pictures), 4)
    windows = (signatures[shown] + rng.normal(size=(len(shown), N_CHANNELS, N_TIMES))).astype(np.float32)
    leaking = cross_validate(windows, latents[shown], [str(i) for i in range(len(shown))], 5, bin_times=1)
    sound = cross_validate(windows, latents[shown], [str(i) for i in shown], 5, bin_times=1)
    assert leaking.value > 0.75
    assert sound.value < 0.65


def test_equal_seeds_give_equal_scores_and_progress_is_told() -> None:
    windows, targets = problem(0.3)
    told: list[tuple[int, int, str]] = []
    one = cross_validate(windows, targets, groups(N_TRIALS), 4, 7, lambda *each: told.append(each), BIN)
    assert one == cross_validate(windows, targets, groups(N_TRIALS), 4, 7, None, BIN)
    assert [done for done, _, _ in told] == [0, 1, 2, 3]


def test_too_few_trials_or_pictures_are_refused_in_words() -> None:
    windows, targets = problem(0.3, n=9)
    with pytest.raises(SettingsError, match=r"at least 10 trials.*got 9 trials and 9 pictures.*Record more"):
        fit_reader(windows, targets)
    windows, targets = problem(0.3, n=40)
    with pytest.raises(SettingsError, match=r"40 trials and 39 pictures"):
        fit_reader(windows, targets[:39])
    with pytest.raises(SettingsError, match=r"at least 10 different pictures; got 3"):
        cross_validate(windows, targets, [str(i % 3) for i in range(40)], 5)
