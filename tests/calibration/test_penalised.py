"""Ridge with a penalty per target: the closed form, the left-out errors, and scikit-learn's choice."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.calibration.penalised import fit_penalised
from bci_app.contract.errors import SettingsError

PENALTIES = (0.3, 3.0, 30.0, 300.0)


def problem(n_samples: int, n_features: int, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n_features)
    features = (rng.standard_normal((n_samples, n_features)) + 5).astype(dtype)
    weights = rng.standard_normal((n_features, 4)) * np.array([3, 0.3, 0.03, 0]) / np.sqrt(n_features)
    return features, features @ weights + rng.standard_normal((n_samples, 4)) - 2


def solved(features: np.ndarray, targets: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercept by the normal equations."""
    mean, centre = features.mean(axis=0), targets.mean(axis=0)
    gram = (features - mean).T @ (features - mean) + penalty * np.eye(features.shape[1])
    coefficients = np.linalg.solve(gram, (features - mean).T @ (targets - centre))
    return coefficients, centre - mean @ coefficients


@pytest.mark.parametrize(("n_samples", "n_features"), [(30, 12), (30, 30), (30, 75)])
def test_coefficients_are_those_of_the_normal_equations(n_samples: int, n_features: int) -> None:
    features, targets = problem(n_samples, n_features)
    fitted = fit_penalised(features, targets, PENALTIES)
    for target, penalty in enumerate(fitted.penalties):
        coefficients, intercept = solved(features, targets[:, [target]], penalty)
        np.testing.assert_allclose(fitted.coefficients[:, target], coefficients[:, 0], atol=1e-8)
        assert fitted.intercept[target] == pytest.approx(intercept[0], abs=1e-7)
    np.testing.assert_allclose(fitted.predict(features), features @ fitted.coefficients + fitted.intercept)


@pytest.mark.parametrize("n_features", [8, 60])
def test_each_sample_left_out_is_predicted_by_the_fit_to_all_others_and_the_best_penalty_is_taken(
    n_features: int,
) -> None:
    features, targets = problem(25, n_features)
    fitted = fit_penalised(features, targets, PENALTIES)
    errors = np.empty((len(PENALTIES), 4))
    for row, penalty in enumerate(PENALTIES):
        left_out = np.empty_like(targets)
        for sample in range(len(features)):
            others = np.arange(len(features)) != sample
            coefficients, intercept = solved(features[others], targets[others], penalty)
            left_out[sample] = features[sample] @ coefficients + intercept
        errors[row] = ((left_out - targets) ** 2).mean(axis=0)
        chosen = fitted.penalties == penalty
        np.testing.assert_allclose(fitted.left_out[:, chosen], left_out[:, chosen], atol=1e-8)
    np.testing.assert_array_equal(fitted.penalties, np.array(PENALTIES)[errors.argmin(axis=0)])
    np.testing.assert_allclose(fitted.error, errors.min(axis=0))
    assert len(set(fitted.penalties)) > 1


@pytest.mark.parametrize("n_features", [20, 400])
def test_choice_and_predictions_are_those_of_scikit_learn_in_single_precision_too(n_features: int) -> None:
    from sklearn.linear_model import RidgeCV

    features, targets = problem(100, n_features, np.float32)
    wanted = RidgeCV(PENALTIES, alpha_per_target=True).fit(features.astype(np.float64), targets)
    fitted = fit_penalised(features, targets, PENALTIES)
    np.testing.assert_array_equal(fitted.penalties, wanted.alpha_)
    np.testing.assert_allclose(fitted.predict(features), wanted.predict(features.astype(np.float64)), atol=2e-3)


def test_what_does_not_belong_together_is_refused() -> None:
    features, targets = problem(10, 3)
    with pytest.raises(SettingsError, match=r"same 3 or more samples; got \(10, 3\) and \(9, 4\)"):
        fit_penalised(features, targets[:9], PENALTIES)
    with pytest.raises(SettingsError, match="finite and above 0"):
        fit_penalised(features, targets, (0.0, 1.0))
