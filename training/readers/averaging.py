"""Networks and linear readers as one: their decision values averaged, or taken to latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bci_app.calibration.ridge import LinearReader
from training.export import apply, to_onnx

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


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


class Averaged(nn.Module):
    """Mean of the decision values of several networks, each divided by its scale."""

    scales: Tensor

    def __init__(self, networks: Sequence[nn.Module], scales: Doubles) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.register_buffer("scales", torch.from_numpy(scales).float())

    def forward(self, window: Tensor) -> Tensor:
        """Decision values (batch, n_classes)."""
        parts = [network(window) / self.scales[number] for number, network in enumerate(self.networks)]
        return torch.stack(parts).mean(dim=0)


def average(readers: Sequence[NetworkReader | LinearReader], windows: Floats) -> NetworkReader:
    """One reader of the mean of several readers' decision values, each divided by its spread over training trials."""
    scales = np.array([reader.read(windows).std() for reader in readers], np.float64)
    shape = (windows.shape[1], windows.shape[2])
    networks = [as_network(reader) for reader in readers]
    return NetworkReader(Averaged(networks, np.maximum(scales, 1e-9)).eval(), shape, readers[0].mean_target)


def as_network(reader: NetworkReader | LinearReader) -> nn.Module:
    """The network of a reader; of a linear one a single layer."""
    if isinstance(reader, NetworkReader):
        return reader.network
    n_channels, n_times, dim = reader.weights.shape
    layer = nn.Linear(n_channels * n_times, dim)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(reader.weights.reshape(-1, dim).T))
        layer.bias.copy_(torch.from_numpy(reader.intercept))
    return nn.Sequential(nn.Flatten(), layer).eval()
