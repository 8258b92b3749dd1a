"""One of two processes that share a batch: ``python -m tests.models.half_a_batch RANK FOLDER``."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.layers import GlobalBatchNorm2d

Tensors = dict[str, Tensor]
SHARES = (slice(0, 4), slice(4, 6))
"""Rows of the batch that each process has; not the same number."""


def norm_and_batch(kind: type[nn.BatchNorm2d]) -> tuple[nn.BatchNorm2d, Tensor, Tensor]:
    """A layer with gains and biases, a batch (6, 5, 4, 4) and weights of the same shape for a loss; float64."""
    numbers = torch.Generator().manual_seed(0)
    norm = kind(5).double()
    with torch.no_grad():
        for weight in norm.parameters():
            weight.copy_(torch.randn(5, generator=numbers))
    batch, wanted = (torch.randn(6, 5, 4, 4, generator=numbers).double() for _ in range(2))
    return norm, 3.0 + 2.0 * batch, wanted


def through(norm: nn.BatchNorm2d, batch: Tensor, wanted: Tensor) -> Tensors:
    """What two turns of training give: outputs, first and second gradients, running statistics."""
    x = batch.clone().requires_grad_()
    norm(x + 1.0)
    out = norm(x)
    (slope,) = torch.autograd.grad((out.square() * wanted).sum(), x, create_graph=True)
    weight, bias, curve = torch.autograd.grad(slope.square().sum(), [*norm.parameters(), x], retain_graph=True)
    (out * wanted).sum().backward()
    values = {"out": out, "slope": slope, "second.weight": weight, "second.bias": bias, "second.input": curve}
    first = {f"first.{name}": value.grad for name, value in norm.named_parameters() if value.grad is not None}
    return {name: value.detach().contiguous() for name, value in (values | first | norm.state_dict()).items()}


def half(rank: int, folder: Path) -> Tensors:
    """What this process gets from its rows, in step with the other one."""
    store = torch.distributed.FileStore(str(folder / "store"), 2)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    try:
        norm, batch, wanted = norm_and_batch(GlobalBatchNorm2d)
        tensors = through(norm, batch[SHARES[rank]], wanted[SHARES[rank]])
        far = GlobalBatchNorm2d(5)
        tensors["far"] = far(1e4 + batch[SHARES[rank]].float()).detach()
        norm.eval()
        tensors["evaluated"] = norm(batch[SHARES[rank]]).detach()
        return tensors
    finally:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    path = Path(sys.argv[2])
    save_file(half(int(sys.argv[1]), path), str(path / "half.safetensors"))
