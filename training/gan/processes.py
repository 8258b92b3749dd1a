"""Several processes that train one network: what fails in one ends all, and one of them says why."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import torch
from lightning_fabric import Fabric
from rich import get_console
from torch import Tensor

from bci_app.contract.errors import BciError
from training.errors import TrainingError

T = TypeVar("T")


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


def leave_the_others() -> None:
    """Close the connection to the other processes; its threads can abort a program that ends with it open."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def only_the_first_speaks(fabric: Fabric) -> None:
    """Silence warnings and progress bars of all processes but the first, which would say the same."""
    if not fabric.is_global_zero:
        logging.disable(logging.WARNING)
        get_console().quiet = True
