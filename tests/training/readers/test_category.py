"""The shrunk linear discriminant: the same as scikit-learn's, and one matrix over the window."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from scipy.linalg import inv, sqrtm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import StandardScaler

from bci_app.contract.errors import SettingsError
from tests.training.readers.categories import N_TIMES, category_trials
from training.readers.category import bins, divided, fit_shrinkage_lda


@pytest.mark.parametrize(("n", "n_classes"), [(40, 2), (400, 3)])
def test_decision_values_are_those_of_scikit_learn(n: int, n_classes: int) -> None:
    trials, targets = category_trials(n, n_classes)
    reader = fit_shrinkage_lda(trials.windows, targets, 4, 0.3)
    features = StandardScaler().fit_transform(bins(trials.windows, 4).reshape(n, -1).astype(np.float64))
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3).fit(features, targets.argmax(axis=1))
    read = reader.read(trials.windows)
    if n_classes == 2:
        np.testing.assert_allclose(read[:, 1] - read[:, 0], model.decision_function(features), atol=2e-3)
    else:
        wanted = model.decision_function(features)
        np.testing.assert_allclose(
            read - read.mean(axis=1, keepdims=True), wanted - wanted.mean(axis=1, keepdims=True), atol=2e-3
        )


def test_few_and_many_trials_go_through_the_same_formula() -> None:
    trials, targets = category_trials(119)  # one trial less than there are features
    one = fit_shrinkage_lda(trials.windows, targets, 1, 0.5)
    more = fit_shrinkage_lda(np.tile(trials.windows, (3, 1, 1)), np.tile(targets, (3, 1)), 1, 0.5)
    np.testing.assert_allclose(one.read(trials.windows), more.read(trials.windows), atol=1e-3)


def test_whitened_channels_are_read_alike_however_they_were_mixed() -> None:
    trials, targets = category_trials(90)
    mixing = np.array([[2.0, 0.5, 0], [0.3, 1.0, -0.4], [0, 0.2, 0.7]], np.float32)
    plain, mixed = (
        [fit_shrinkage_lda(windows, targets, 4, 1.0, loading).read(windows) for loading in (1.0, 1e-6)]
        for windows in (trials.windows, mixing @ trials.windows)
    )
    # up to a rotation whitening leaves the same, and with all shrinkage only scaling by spread is left
    assert np.corrcoef(plain[1][:, 1], mixed[1][:, 1])[0, 1] > np.corrcoef(plain[0][:, 1], mixed[0][:, 1])[0, 1]
    assert np.corrcoef(plain[1][:, 1], mixed[1][:, 1])[0, 1] > 0.99


def test_a_whitened_discriminant_is_that_of_whitened_channels() -> None:
    trials, targets = category_trials(90)
    windows = trials.windows.astype(np.float64)
    rest = windows - np.stack([windows[shown > 0].mean(axis=0) for shown in targets.T])[targets.argmax(axis=1)]
    covariance = 0.7 * np.einsum("nct,ndt->cd", rest, rest) / (90 * N_TIMES)
    covariance += 0.3 / 0.7 * np.trace(covariance) / 3 * np.eye(3)
    whitened = (np.real(inv(sqrtm(covariance))) @ windows).astype(np.float32)
    wanted = fit_shrinkage_lda(whitened, targets, 1, 0.5).read(whitened)
    np.testing.assert_allclose(
        fit_shrinkage_lda(trials.windows, targets, 1, 0.5, 0.3).read(trials.windows), wanted, atol=2e-3
    )


def test_samples_beyond_the_last_whole_bin_are_not_read() -> None:
    trials, targets = category_trials(60)
    reader = fit_shrinkage_lda(trials.windows, targets, 7, 0.5)
    assert not reader.weights[:, 35:].any()
    assert reader.weights[:, :35].any(axis=(0, 2)).all()


def test_a_feature_that_never_varies_is_not_read() -> None:
    trials, targets = category_trials(60)
    windows = trials.windows.copy()
    windows[:, 1] = 3.0
    reader = fit_shrinkage_lda(windows, targets)
    assert not reader.weights[1].any()
    assert np.isfinite(reader.read(windows)).all()


def test_the_graph_reads_what_the_reader_reads() -> None:
    trials, targets = category_trials(60)
    reader = divided(fit_shrinkage_lda(trials.windows, targets, 4), 3.0)
    session = onnxruntime.InferenceSession(reader.graph(), providers=["CPUExecutionProvider"])
    (read,) = session.run(None, {"window": trials.windows})
    np.testing.assert_allclose(read, reader.read(trials.windows), atol=1e-4)


def test_divided_decision_values_are_a_share_of_what_they_were() -> None:
    trials, targets = category_trials(60)
    reader = fit_shrinkage_lda(trials.windows, targets)
    np.testing.assert_allclose(4 * divided(reader, 4.0).read(trials.windows), reader.read(trials.windows), rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": np.ones((60, 2), np.float32)}, "one-hot over two or more classes"),
        ({"targets": np.eye(2, dtype=np.float32)[np.zeros(60, int)]}, "all have a trial"),
        ({"targets": np.eye(2, dtype=np.float32)}, "Each of 60 trials"),
        ({"bin_times": 41}, "Bins hold 1 to 40 samples"),
        ({"shrinkage": 0.0}, "more than 0"),
        ({"loading": 1.1}, r"at most 1; got 1, None and 1\.1"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(change: dict, message: str) -> None:
    trials, targets = category_trials(60)
    with pytest.raises(SettingsError, match=message):
        fit_shrinkage_lda(**{"windows": trials.windows, "targets": targets, "bin_times": 1, **change})
