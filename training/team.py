"""What the processes that train one network do alike: device, shares, random numbers, means, and when to stop."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from training.errors import TrainingError
from training.interrupts import Asked
from training.processes import StoppedElsewhereError, any_of, average

Rows = TypeVar("Rows", bound=Sequence[Any] | NDArray[Any] | Tensor)


def _one_process() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


@dataclass(slots=True)
class Team:
    """This process and the others that train with it; one process on the CPU by default.

    Attributes
    ----------
    fabric : Fabric
        Launched.
    asked : Asked
        Whether somebody pressed Ctrl-C at this process.
    stopping : bool
        Whether all of them stop; see `heed`.
    saves : bool
        Whether a run that goes on may go on from what they learn: not after Ctrl-C, which it shall not remember.
    """

    fabric: Fabric = field(default_factory=_one_process)
    asked: Asked = field(default_factory=Asked)
    stopping: bool = False
    saves: bool = True

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return self.fabric.device

    @property
    def first(self) -> bool:
        """Whether this process writes and speaks."""
        return self.fabric.is_global_zero

    @property
    def apart(self) -> tuple[int, ...]:
        """What this process adds to a seed so as to draw other numbers than the rest; nothing at the first."""
        return () if self.first else (self.fabric.global_rank,)

    def heed(self) -> bool:
        """Whether to stop, the same on all processes: somebody pressed Ctrl-C at one of them."""
        (self.stopping,) = any_of((self.asked.is_set,), self.fabric)
        self.saves = self.saves and not self.stopping
        return self.stopping

    def share(self, rows: Rows) -> Rows:
        """The part of a batch that this process learns from; where there are fewer rows than processes, all of them."""
        n = self.fabric.world_size
        return cast(Rows, rows[self.fabric.global_rank :: n]) if len(rows) >= n > 1 else rows

    @contextmanager
    def drawing(self, seed: int, alike: bool = False) -> Iterator[None]:
        """Inside, torch draws by `seed`, outside as if nothing had been drawn; each process other numbers, unless `alike`."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            if not alike:
                self.part_ways(seed)
            yield

    def part_ways(self, seed: int) -> None:
        """From here on each process draws other numbers."""
        if self.apart:
            torch.manual_seed(zlib.crc32(str((seed, *self.apart)).encode()))

    def average_gradients(self, weights: Sequence[Tensor]) -> None:
        """Put the mean over all processes in place of each gradient that there is."""
        average([weight.grad for weight in weights if weight.grad is not None], self.fabric)

    def mean(self, facts: Mapping[str, float]) -> dict[str, float]:
        """The mean of each number over all processes, the same on all of them."""
        if self.fabric.world_size == 1:
            return dict(facts)
        numbers = torch.tensor(list(facts.values()), dtype=torch.float64)
        average([numbers], self.fabric)
        return dict(zip(facts, numbers.tolist(), strict=True))

    def total(self, counts: Tensor) -> Tensor:
        """Counts of all processes together, on the CPU."""
        if self.fabric.world_size > 1:
            counts = cast(Tensor, self.fabric.all_reduce(counts, reduce_op="sum"))
        return counts.cpu()

    def refuse(self, told: str) -> None:
        """End all processes if one of them has something to tell; an empty text is nothing.

        Raises
        ------
        TrainingError
            With the text of this process.
        StoppedElsewhereError
            If another process, or the first one, has told.
        """
        first, any_ = any_of((bool(told) and self.first, bool(told)), self.fabric)
        if told and (self.first or not first):
            raise TrainingError(told)
        if any_:
            raise StoppedElsewhereError()
