"""The noise that a decoder's twin reads: one model and one way to draw from it, in training and in the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.bundle import pack_arrays
from bci_app.contract.errors import BundleCorruptError

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class NoiseModel:
    """Gaussian noise matched to the training trials: their mean, and covariance in space times covariance in time.

    `mean` (n_channels, n_times) in the unit of the signal, `space` (n_channels, rank) and `time` (n_times, n_times)
    factors of the covariances, float32; a draw is ``mean + space @ N(0, 1) @ time.T``. The rank is n_channels or lower:
    the covariance of some hundred trials of twenty thousand voxels is kept as a factor of as many columns as trials.
    """

    mean: Floats
    space: Floats
    time: Floats

    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        """`n` windows of matched noise (n, n_channels, n_times), in the unit of the signal."""
        white = rng.standard_normal((n, self.space.shape[1], self.mean.shape[1]), dtype=np.float32)
        return (self.mean + self.space @ white @ self.time.T).astype(np.float32)

    def pack(self) -> bytes:
        """The content of ``noise.npz``."""
        return pack_arrays(mean=self.mean, space=self.space, time=self.time)


def unpack_noise(arrays: Mapping[str, NDArray[Any]], n_channels: int, n_times: int, where: str) -> NoiseModel:
    """The model in the arrays of the ``noise.npz`` of the bundle called `where`.

    Raises
    ------
    BundleCorruptError
        If an array is missing, of another shape, or holds anything but finite numbers.
    """
    space = arrays["space"].shape if "space" in arrays else ()
    rank = min(space[1], n_channels) if len(space) == 2 and space[1] else n_channels
    wanted = {"mean": (n_channels, n_times), "space": (n_channels, rank), "time": (n_times, n_times)}
    for name, shape in wanted.items():
        sound = name in arrays and arrays[name].shape == shape and arrays[name].dtype.kind == "f"
        if not sound or not np.isfinite(arrays[name]).all():
            found = f"{arrays[name].dtype} {arrays[name].shape}" if name in arrays else "nothing"
            raise BundleCorruptError(
                f"noise.npz of bundle '{where}' must hold '{name}' as finite numbers {shape}; it holds {found}. "
                "Export the bundle again."
            )
    return NoiseModel(*(np.asarray(arrays[name], np.float32) for name in wanted))
