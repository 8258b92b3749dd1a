"""The covariance reader: its logarithm is scipy's, its decisions are pyriemann's; for its graph see
`test_category_bundle`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pyriemann.estimation import ERPCovariances
from pyriemann.tangentspace import TangentSpace
from scipy import signal
from scipy.linalg import logm
from sklearn.covariance import oas
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bci_app.contract.errors import SettingsError
from tests.training.readers.categories import N_TIMES, category_trials
from training.readers.covariance import (
    View,
    fit_covariance,
    high_pass_times,
    matrix_logarithm,
    shrunk_covariance,
)

WHOLE = np.eye(N_TIMES)
VIEWS = [View(WHOLE)]


@pytest.mark.parametrize(("smallest", "atol"), [(1e-1, 1e-9), (1e-4, 1e-7), (1e-6, 3e-5)])
def test_the_logarithm_by_products_is_the_logarithm(smallest: float, atol: float) -> None:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(5, 9, 9)))[0]
    matrices = 40 * (axes * np.geomspace(1, smallest, 9)) @ axes.transpose(0, 2, 1)
    found = matrix_logarithm(torch.from_numpy(matrices)).numpy()
    wanted = (axes * np.log(40 * np.geomspace(1, smallest, 9))) @ axes.transpose(0, 2, 1)
    np.testing.assert_allclose(found, wanted, atol=atol)


def test_the_logarithm_by_products_is_that_of_scipy() -> None:
    signals = np.random.default_rng(0).normal(size=(7, 20))
    matrix = signals @ signals.T
    found = matrix_logarithm(torch.from_numpy(matrix[None]))[0].numpy()
    np.testing.assert_allclose(found, logm(matrix), atol=1e-9)


def test_the_logarithm_of_the_identity_is_zero() -> None:
    found = matrix_logarithm(torch.eye(4, dtype=torch.float64)[None])
    np.testing.assert_allclose(found.numpy(), 0, atol=1e-9)


def test_covariances_are_shrunk_as_by_scikit_learn() -> None:
    signals = np.random.default_rng(0).normal(size=(4, 6, 30)).cumsum(axis=2) + 5
    found = shrunk_covariance(torch.from_numpy(signals)).numpy()
    np.testing.assert_allclose(found, np.stack([oas(each.T)[0] for each in signals]), rtol=1e-9)


def test_a_covariance_of_white_noise_over_few_samples_is_shrunk_all_the_way_at_most() -> None:
    found = shrunk_covariance(torch.from_numpy(np.eye(4, 5)[None])).numpy()[0]
    np.testing.assert_allclose(found, oas(np.eye(4, 5).T)[0], rtol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_decision_values_are_those_of_pyriemann(n_classes: int) -> None:
    (trials, targets), (new, _) = category_trials(90, n_classes), category_trials(60, n_classes, seed=1)
    reader = fit_covariance(trials.windows, targets, VIEWS)
    model = make_pipeline(
        ERPCovariances(estimator="oas", svd=2),
        TangentSpace(),
        StandardScaler(),
        LogisticRegression(C=0.01, max_iter=2000),
    ).fit(trials.windows.astype(np.float64), targets.argmax(axis=1))
    wanted, read = model.decision_function(new.windows.astype(np.float64)), reader.read(new.windows)
    found = read[:, 1] - read[:, 0] if n_classes == 2 else read
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.9999
    np.testing.assert_allclose(found / found.std(), wanted / wanted.std(), atol=2e-3)


def test_later_copies_let_time_courses_be_read() -> None:
    """Two classes with the same covariance at each time and opposite ones between a time and the next."""
    rng = np.random.default_rng(0)
    n = 120
    targets = np.eye(2, dtype=np.float32)[np.arange(n) % 2]
    turning = np.where(np.arange(n) % 2, 1, -1)[:, None]
    phase = rng.uniform(0, 2 * np.pi, (n, 1)) + turning * 0.8 * np.arange(N_TIMES)
    windows = np.stack([np.cos(phase), np.sin(phase)], axis=1) + 0.3 * rng.normal(size=(n, 2, N_TIMES))
    hits = []
    for lags in ((), (2,)):
        reader = fit_covariance(windows[:80].astype(np.float32), targets[:80], [View(WHOLE, lags)])
        read = reader.read(windows[80:].astype(np.float32))
        hits.append((read.argmax(axis=1) == targets[80:].argmax(axis=1)).mean())
    assert hits[0] < 0.75
    assert hits[1] == 1.0


def test_several_views_are_the_mean_of_each_divided_by_its_training_spread() -> None:
    trials, targets = category_trials(60)
    views = [View(WHOLE), View(WHOLE[:, 10:30], (2,))]
    alone = [fit_covariance(trials.windows, targets, [view]).read(trials.windows) for view in views]
    np.testing.assert_allclose([each.std() for each in alone], 1, rtol=1e-4)
    together = fit_covariance(trials.windows, targets, views).read(trials.windows)
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-5)


def test_a_filter_along_a_window_is_the_filter() -> None:
    window = np.random.default_rng(0).normal(size=(3, 50))
    wanted = signal.sosfilt(signal.butter(2, 2.0, "highpass", fs=100.0, output="sos"), window, axis=1)
    np.testing.assert_allclose(window @ high_pass_times(50, 100.0, 2.0), wanted, atol=1e-12)
    np.testing.assert_allclose(window @ high_pass_times(50, 100.0, 2.0, skip=7), wanted[:, 7:], atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": np.eye(2, dtype=np.float32)[np.zeros(60, int)]}, "all have a trial"),
        ({"views": [View(np.eye(30))]}, "windows of 40"),
        ({"views": [View(WHOLE, (35,))]}, "lags leave 5"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(change: dict, message: str) -> None:
    trials, targets = category_trials(60)
    given = {"windows": trials.windows, "targets": targets, "views": VIEWS}
    with pytest.raises(SettingsError, match=message):
        fit_covariance(**{**given, **change})
