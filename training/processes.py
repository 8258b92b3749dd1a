"""Where a network is trained, and several processes that train one: what fails in one ends all, and one of them says why."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar, cast

import torch
from lightning_fabric import Fabric
from rich import get_console
from torch import Tensor

from bci_app.contract.errors import BciError
from training.errors import TrainingError
from training.run_folder import AnyRecipe, RunFolder, new_run
from training.settings import MachineSettings

T = TypeVar("T")
_NO_MEMORY = re.compile("out of memory|allocate memory|not enough memory|size calculation overflowed", re.IGNORECASE)
"""Of torch on the CPU, which has no error of its own for it."""


def open_fabric(machine: MachineSettings) -> Fabric:
    """Lightning Fabric as a recipe's machine wants it.

    Raises
    ------
    TrainingError
        If the accelerator asked for is not there, it has fewer devices, or another number of processes was started.
    """
    started = os.environ.get("WORLD_SIZE") if "LOCAL_RANK" in os.environ else None
    if started is not None and int(started) != machine.n_processes:
        raise TrainingError(
            f"The recipe wants machine.devices={machine.devices} on machine.nodes={machine.nodes}; {started} process(es) "
            "were started from outside. Make the two agree, or start one process, which starts the others."
        )
    try:
        return Fabric(
            accelerator=machine.accelerator,
            devices=machine.devices,
            num_nodes=machine.nodes,
            strategy="ddp" if machine.n_processes > 1 else "auto",
            precision="bf16-mixed" if machine.precision == "bfloat16" else "32-true",
        )
    except Exception as error:  # Lightning has no error of its own for a device that is missing
        raise TrainingError(
            f"The recipe wants machine.accelerator={machine.accelerator} with {machine.devices} device(s): {error} "
            "Set machine.accelerator=cpu, or fewer devices."
        ) from error


def one_run(root: Path, recipe: AnyRecipe, command: str, fabric: Fabric) -> RunFolder:
    """The folder that process 0 makes, on every process; see `training.run_folder.new_run`."""
    now = datetime.now()
    made = together(fabric, lambda: new_run(root, recipe, now, command) if fabric.is_global_zero else RunFolder(root))
    return RunFolder(fabric.broadcast(made.path))


class StoppedElsewhereError(TrainingError):
    """Another process of this run has ended it, and says why."""

    def __init__(self) -> None:
        super().__init__("Another process of this run stopped and says why; this one ends with it.")


def together(fabric: Fabric, work: Callable[[], T]) -> T:
    """Do on every process what may fail on some, and go on only if all have done it.

    Parameters
    ----------
    fabric : Fabric
        The processes; all of them must come here.
    work : callable
        What this process has to do.

    Raises
    ------
    BciError
        What `work` raised here; an error that all processes have is raised by the first alone.
    StoppedElsewhereError
        If it failed on another process, which tells the reason.
    """
    failed: BciError | None = None
    try:
        done = work()
    except BciError as error:
        failed = error
    first, any_ = any_of((failed is not None and fabric.is_global_zero, failed is not None), fabric)
    if failed is not None and (fabric.is_global_zero or not first):
        raise failed
    if any_:
        raise StoppedElsewhereError()
    return done


Flags = TypeVar("Flags", bound=tuple[bool, ...])


def any_of(flags: Flags, fabric: Fabric) -> Flags:
    """For each flag, whether it is set on any process."""
    if fabric.world_size == 1:
        return flags
    counts = cast(Tensor, fabric.all_reduce(torch.tensor(flags, dtype=torch.float32), reduce_op="sum"))
    return cast(Flags, tuple(bool(count > 0) for count in counts))


@contextmanager
def noticing_lost_processes(fabric: Fabric) -> Iterator[None]:
    """Turn what is raised when another process of the run has died into one message.

    Raises
    ------
    TrainingError
        In place of it.
    """
    try:
        yield
    except RuntimeError as error:
        if fabric.world_size == 1 or not _is_of_the_connection(error):
            raise
        raise TrainingError(
            f"Process {fabric.global_rank} lost the connection to another process of this run, which has ended or cannot "
            "be reached. What it printed stands above; go on from the last checkpoint with --resume."
        ) from error


def _is_of_the_connection(error: RuntimeError) -> bool:
    kinds = (torch.distributed.DistError,) if torch.distributed.is_available() else ()
    return isinstance(error, kinds) or any(
        word in str(error) for word in ("gloo", "NCCL", "ProcessGroup", "Connection")
    )


@contextmanager
def having_memory(told: str) -> Iterator[None]:
    """Turn what torch raises when there is not enough memory into one message.

    Raises
    ------
    TrainingError
        In place of it, with the text `told`.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and not _NO_MEMORY.search(str(error)):
            raise
        raise TrainingError(told) from error


def average(tensors: Sequence[Tensor], fabric: Fabric) -> None:
    """Put the mean over all processes in place of each tensor: gradients, say, which all of them have."""
    if fabric.world_size == 1:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    flat = cast(Tensor, fabric.all_reduce(flat, reduce_op="mean"))
    for tensor, shared in zip(tensors, torch.split(flat, [each.numel() for each in tensors]), strict=True):
        tensor.copy_(shared.view_as(tensor))


def leave_the_others() -> None:
    """Close the connection to the other processes; its threads can abort a program that ends with it open."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def only_the_first_speaks(fabric: Fabric) -> None:
    """Silence warnings and progress bars of all processes but the first, which would say the same."""
    if not fabric.is_global_zero:
        logging.disable(logging.WARNING)
        get_console().quiet = True
