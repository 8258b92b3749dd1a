"""A fitted network as a reader."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from training.evaluate.reader_reading import Floats
from training.export import apply, to_onnx


@dataclass(frozen=True, slots=True, eq=False)
class NetworkReader:
    """A fitted network (batch, n_channels, n_times) -> (batch, dim) as a reader.

    Attributes
    ----------
    network : nn.Module
        In evaluation mode.
    shape : (n_channels, n_times)
        Of a window.
    mean_target : float32 array (dim,)
    """

    network: nn.Module
    shape: tuple[int, int]
    mean_target: Floats

    def read(self, windows: Floats) -> Floats:
        """Readings (n, dim) of windows (n, n_channels, n_times)."""
        return np.asarray(apply(self.network, np.ascontiguousarray(windows, np.float32)), np.float32)

    def graph(self) -> bytes:
        """See `bci_app.calibration.export.Reader`."""
        return to_onnx(self.network, torch.zeros(2, *self.shape), "window", "latent")
