"""How far a set of pictures is from another, in a space of features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from bci_app.contract.errors import PictureError
from training.evaluate.batches import Floats
from training.evaluate.intervals import NORMAL_975

Bools = NDArray[np.bool_]
_WORKING_MEMORY_MIB = 64


class _AsTheyAre(nn.Module):
    """Stands where the metric expects a network: the features come ready."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def frechet_distance(features_a: Floats, features_b: Floats) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets of features.

    Parameters
    ----------
    features_a, features_b : array (n, d) and (m, d)
        One row per picture. Estimated from few pictures the distance is too large, so only distances from the same
        numbers of pictures can be compared.

    Raises
    ------
    PictureError
        If a set has fewer than two rows or the columns differ.

    Source: Heusel et al. 2017, "GANs trained by a two time-scale update rule", equation 6.
    """
    a, b = np.asarray(features_a, np.float64), np.asarray(features_b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise PictureError(
            f"A Fréchet distance needs two sets of at least two pictures in one feature space; got features of shape "
            f"{a.shape} and {b.shape}."
        )
    middle = a.mean(axis=0)  # the metric squares before it centres; this keeps the digits
    metric = FrechetInceptionDistance(feature=_AsTheyAre(a.shape[1]), sync_on_compute=False)
    metric.update(torch.from_numpy(a - middle), real=True)
    metric.update(torch.from_numpy(b - middle), real=False)
    return max(float(metric.compute()), 0.0)


def frechet_interval(
    features_a: Floats, features_b: Floats, rng: np.random.Generator, n_resamples: int = 20
) -> tuple[float, float]:
    """95 % interval of `frechet_distance`: the distance plus and minus 1.96 bootstrap standard errors.

    Only the spread of the resampled distances is used. Their middle lies too high, because a resample holds fewer
    different pictures. The lower end is never below 0.
    """
    value = frechet_distance(features_a, features_b)
    draws = [frechet_distance(_resample(features_a, rng), _resample(features_b, rng)) for _ in range(n_resamples)]
    error = NORMAL_975 * float(np.std(draws, ddof=1))
    return max(value - error, 0.0), value + error


def _resample(features: Floats, rng: np.random.Generator) -> Floats:
    return features[rng.integers(0, len(features), len(features))]


@dataclass(frozen=True, slots=True, eq=False)
class PrecisionRecall:
    """Which pictures lie in the other set's neighbourhoods.

    Attributes
    ----------
    precision : bool array (n_generated,)
        The generated picture lies among real ones. Its mean is the precision: low means pictures like no real one.
    recall : bool array (n_real,)
        The real picture lies among generated ones. Its mean is the recall: low means kinds that are never drawn.
    """

    precision: Bools
    recall: Bools


def precision_recall(real: Floats, generated: Floats, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall.

    Parameters
    ----------
    real, generated : array (n, d) and (m, d)
        Features, more than k rows each.
    k : int
        A neighbourhood reaches to the k-th nearest other picture of the same set.

    Raises
    ------
    PictureError
        If a set has not more than k rows.

    Source: Kynkäänniemi et al. 2019, "Improved precision and recall metric", equations 1 and 2.
    """
    return PrecisionRecall(
        precision=_inside(generated, real, neighbour_distances(real, k)),
        recall=_inside(real, generated, neighbour_distances(generated, k)),
    )


def coverage(real: Floats, generated: Floats, k: int = 5) -> Bools:
    """Which real pictures (n,) have a generated one within the distance of their k-th nearest real one.

    Unlike recall it does not grow when a few generated pictures lie far out. For two sets of the same distribution
    and the same size the share is 1 - 2^-k.

    Source: Naeem et al. 2020, "Reliable fidelity and diversity metrics", equation 4.
    """
    nearest, _ = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(generated).kneighbors(real)
    covered: Bools = nearest[:, 0] <= neighbour_distances(real, k)
    return covered


def neighbour_distances(features: Floats, k: int) -> NDArray[np.float64]:
    """Distance (n,) of each row from the k-th nearest other row.

    Raises
    ------
    PictureError
        If there are not more than k rows.
    """
    if len(features) <= k:
        raise PictureError(f"Neighbourhoods of {k} need more than {k} pictures; got {len(features)}.")
    distances, _ = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(features).kneighbors()
    return np.asarray(distances[:, -1], np.float64)


def _inside(queries: Floats, centres: Floats, radii: NDArray[np.float64]) -> Bools:
    """Which queries lie within the radius of any centre."""
    parts = pairwise_distances_chunked(
        queries,
        centres,
        reduce_func=lambda distances, start: (distances <= radii).any(axis=1),
        working_memory=_WORKING_MEMORY_MIB,
    )
    return np.concatenate(list(parts))
