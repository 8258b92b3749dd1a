"""A linear reader: ridge regression from the spatio-temporal pattern of a trial to the latent of its picture.

From the `features` of the training trials `penalised` chooses one penalty per latent component, by leave-one-out error
inside the training trials. Ridge shrinks what it is unsure of towards the mean, and a generator draws a grey
average from shrunk latents; so each component is stretched towards the spread of the training latents, by a factor found
on trials left out of the fit, two thirds of the way: all of it would make the least certain components as loud as the
others. Everything fitted is then folded into one matrix over the preprocessed window, so that the
exported graph is a single product.

Source: stretching, Mozafari, Reddy & VanRullen, IJCNN 2020, there by the statistics of the test set, here not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.calibration.features import MOST_CHANNELS, features_of, space_covariance
from bci_app.calibration.graph import linear_graph
from bci_app.calibration.penalised import fit_penalised
from bci_app.contract.errors import SettingsError
from bci_app.contract.identification import bootstrap_interval, pairwise_identification
from bci_app.contract.manifest import Score
from bci_app.contract.noise import NoiseModel

Floats = NDArray[np.float32]

PENALTIES = np.logspace(0, 6, 13)
"""Ridge penalties tried, for features of unit variance."""

_LARGEST_STRETCH = 10.0
STRETCH_POWER = 2 / 3
"""1 would give every component the full spread, 0 would leave it as ridge shrank it; figures in LOG.md."""

OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, eq=False)
class LinearReader:
    """latent = intercept + sum over channels and times of weights * window.

    `weights` (n_channels, n_times, latent_dim) per microvolt, `intercept` and `mean_target` (latent_dim,).
    """

    weights: Floats
    intercept: Floats
    mean_target: Floats

    def read(self, windows: Floats) -> Floats:
        """Latents (n, latent_dim) of windows (n, n_channels, n_times)."""
        latents: Floats = np.einsum("nct,ctd->nd", windows, self.weights, optimize=True).astype(np.float32)
        return latents + self.intercept

    def graph(self) -> bytes:
        """See `bci_app.calibration.export.Reader`."""
        return linear_graph(self.weights, self.intercept)


def fit_reader(windows: Floats, targets: Floats, bin_times: int = 5) -> LinearReader:
    """Ridge from trials to latents.

    Parameters
    ----------
    windows : float32 array (n_trials, n_channels, n_times)
        Preprocessed trials in microvolts.
    targets : float32 array (n_trials, latent_dim)
        Latent of the picture shown in each.
    bin_times : int
        Samples averaged into one feature.

    Returns
    -------
    LinearReader

    Raises
    ------
    SettingsError
        If there are fewer than ten trials, or the two do not belong together.
    """
    if len(windows) != len(targets) or len(windows) < 10:
        raise SettingsError(
            f"A reader needs at least 10 trials, each with its picture; got {len(windows)} trials and "
            f"{len(targets)} pictures. Record more trials."
        )
    features = features_of(windows, bin_times)
    ridge = fit_penalised(features.values, targets, PENALTIES)
    factor, centre = stretch(ridge.left_out, targets), targets.mean(axis=0, dtype=np.float64)
    weights, intercept = features.fold(ridge.coefficients * factor, centre + factor * (ridge.intercept - centre))
    return LinearReader(weights, intercept, centre.astype(np.float32))


def stretch(left_out: NDArray[np.float64], targets: Floats, power: float = STRETCH_POWER) -> NDArray[np.float64]:
    """Spread of each target over that of its left-out prediction, at most tenfold, to the `power`."""
    spread = np.sqrt(((left_out - targets.mean(axis=0)) ** 2).mean(axis=0))
    factor: NDArray[np.float64] = targets.std(axis=0, dtype=np.float64) / np.maximum(spread, 1e-12)
    return np.minimum(factor, _LARGEST_STRETCH) ** power


def fit_noise(windows: Floats) -> NoiseModel:
    """The noise model of trials (n_trials, n_channels, n_times): separable covariance, slightly loaded.

    Of more channels than `MOST_CHANNELS` and than trials, `space` is a factor (n_channels, n_trials): with one time in a
    trial, of exactly the trials' covariance; with several, of a random sketch of it with the same variances.
    """
    mean = windows.mean(axis=0)
    rest = windows - mean
    n_trials, n_channels, _ = rest.shape
    many = n_channels > max(MOST_CHANNELS, n_trials)
    space = _space_sketch(rest) if many else _cholesky(space_covariance(rest))
    return NoiseModel(mean, space.astype(np.float32), _cholesky(_time_covariance(rest)).astype(np.float32))


def _time_covariance(rest: Floats) -> NDArray[np.float64]:
    """Covariance over times of the same trials, scaled to a mean variance of 1."""
    covariance = np.einsum("nct,ncu->tu", rest, rest, optimize=True).astype(np.float64)
    return np.asarray(covariance * rest.shape[2] / max(np.trace(covariance), 1e-30))


def _cholesky(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower factor of a covariance, loaded so that it has one."""
    loading = 1e-4 * np.trace(matrix) / len(matrix) + 1e-9
    return np.linalg.cholesky(matrix + loading * np.eye(len(matrix)))


def _space_sketch(rest: Floats) -> NDArray[np.float64]:
    """Factor (n_channels, n_trials) of the covariance over channels: each trial's times are summed under random signs.

    The mean over signs of the product with its transpose is the covariance. Source: Woodruff, Foundations and Trends in
    Theoretical Computer Science 10 (2014) 1-157, section 2.
    """
    n_trials, _, n_times = rest.shape
    signs = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), (n_trials, n_times))
    factor = np.einsum("nct,nt->cn", rest, signs, optimize=True).astype(np.float64)
    variances = np.einsum("nct,nct->c", rest, rest, optimize=True).astype(np.float64) / (n_trials * n_times)
    scales = np.sqrt(variances / np.maximum((factor**2).sum(axis=1), 1e-30))
    return np.asarray(factor * scales[:, np.newaxis])


def cross_validate(
    windows: Floats,
    targets: Floats,
    groups: Sequence[str],
    n_folds: int = 5,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    bin_times: int = 5,
) -> Score:
    """Single-trial pairwise identification of pictures the reader was not trained on, with its controls.

    Parameters
    ----------
    windows, targets : arrays
        As in `fit_reader`.
    groups : sequence of str
        Picture id of each trial: trials of one picture never stand on both sides of a fold.
    n_folds : int
        How many folds.
    seed : int
        For the noise and the shuffle.
    on_progress : callable, optional
        Called with (done, total, text).
    bin_times : int
        As in `fit_reader`.

    Returns
    -------
    Score
        As `held_out_score`, over all folds.

    Raises
    ------
    SettingsError
        If there are fewer different pictures than folds.
    """
    from sklearn.model_selection import GroupKFold

    if len(set(groups)) < 2 * n_folds:
        raise SettingsError(
            f"Cross-validation in {n_folds} folds needs at least {2 * n_folds} different pictures; got {len(set(groups))}. "
            "Show more different pictures, or choose fewer folds."
        )
    rng = np.random.default_rng(seed)
    folds = []
    for fold, (train, test) in enumerate(GroupKFold(n_folds).split(windows, groups=groups)):
        if on_progress is not None:
            on_progress(fold, n_folds, "cross-validating")
        folds.append(_scores((windows[train], targets[train]), (windows[test], targets[test]), rng, bin_times))
    return _score(
        folds, "pairwise identification, single trials", f"{n_folds} folds by picture: none on both sides", seed
    )


def held_out_score(
    train: tuple[Floats, Floats], test: tuple[Floats, Floats], what: str, seed: int = 0, bin_times: int = 5
) -> Score:
    """Single-trial pairwise identification in a session of its own, with its controls.

    Parameters
    ----------
    train, test : (windows, targets)
        As in `fit_reader`.
    what : str
        What was held out, in words.
    seed, bin_times : int
        As in `cross_validate`.

    Returns
    -------
    Score
        `noise_input`: the same reader fed matched noise; `shuffled_pairing`: a reader trained on pictures dealt to the
        trials at random.
    """
    scores = _scores(train, test, np.random.default_rng(seed), bin_times)
    return _score([scores], "pairwise identification, single trials of another session", what, seed)


def _scores(
    train: tuple[Floats, Floats], test: tuple[Floats, Floats], rng: np.random.Generator, bin_times: int
) -> dict[str, NDArray[np.float64]]:
    """Identification of each test trial: by the reader, by the reader fed noise, by one trained on shuffled pairs."""
    (windows, targets), (new_windows, new_targets) = train, test
    reader = fit_reader(windows, targets, bin_times)
    shuffled = fit_reader(windows, targets[rng.permutation(len(targets))], bin_times)
    noise = fit_noise(windows).draw(rng, len(new_windows))
    predicted = {
        "real": reader.read(new_windows),
        "noise": reader.read(noise),
        "shuffled": shuffled.read(new_windows),
    }
    return {name: pairwise_identification(each, new_targets, reader.mean_target) for name, each in predicted.items()}


def _score(folds: Sequence[dict[str, NDArray[np.float64]]], name: str, held_out: str, seed: int) -> Score:
    pooled = {control: np.concatenate([fold[control] for fold in folds]) for control in folds[0]}
    mean, low, high = bootstrap_interval(pooled["real"], seed)
    return Score(
        name=name,
        value=mean,
        low=low,
        high=high,
        chance=0.5,
        noise_input=float(pooled["noise"].mean()),
        shuffled_pairing=float(pooled["shuffled"].mean()),
        n=len(pooled["real"]),
        held_out=held_out,
    )
