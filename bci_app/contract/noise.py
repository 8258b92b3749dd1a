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

    `mean` (n_channels, n_times) microvolts, `space` (n_channels, n_channels) and `time` (n_times, n_times) lower
    Cholesky factors, float32; a draw is ``mean + space @ N(0, 1) @ time.T``.
    """

    mean: Floats
    space: Floats
    time: Floats

    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        """`n` windows of matched noise (n, n_channels, n_times), in microvolts."""
        white = rng.standard_normal((n, *self.mean.shape), dtype=np.float32)
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
    wanted = {"mean": (n_channels, n_times), "space": (n_channels, n_channels), "time": (n_times, n_times)}
    for name, shape in wanted.items():
        sound = name in arrays and arrays[name].shape == shape and arrays[name].dtype.kind == "f"
        if not sound or not np.isfinite(arrays[name]).all():
            found = f"{arrays[name].dtype} {arrays[name].shape}" if name in arrays else "nothing"
            raise BundleCorruptError(
                f"noise.npz of bundle '{where}' must hold '{name}' as finite numbers {shape}; it holds {found}. "
                "Export the bundle again."
            )
    return NoiseModel(*(np.asarray(arrays[name], np.float32) for name in wanted))
