"""Where the training of a reader stands, on disk after every epoch, so that a run that broke off goes on to the bit."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from models.text.reader import SentenceReader
from training.checkpoint import fitting, network_tensors, optimiser_tensors, own_tensors, put_network, put_optimiser
from training.processes import together
from training.run_folder import RunFolder, read_header, read_tensors, write_tensors
from training.team import Team
from training.text.objective import Temperatures

Record = dict[str, float | int | str]
PARTS = ("waves", "beginning", "alignment", "first", "second")
"""In the order in which they are trained; a recipe may leave some out."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of the training stands.

    Attributes
    ----------
    part : str
        One of `PARTS`.
    epoch : int
        Epochs that are done.
    best_epoch : int
        Of those, after which one the weights were best; 0 for those it began with.
    best_loss : float
        Of these weights, on validation sentences.
    """

    part: str
    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = math.inf

    def after(self, loss: float) -> Place:
        """One epoch later, whose weights have this loss."""
        later = replace(self, epoch=self.epoch + 1)
        return replace(later, best_epoch=later.epoch, best_loss=loss) if loss < self.best_loss else later


@dataclass(slots=True, eq=False)
class Learner:
    """What learns in a part of the training.

    Attributes
    ----------
    networks : dict of str to nn.Module
        What is saved: the reader, and whatever head it has for this part.
    chosen : nn.Module
        The network of which the best weights are kept.
    optimiser : Optimizer
    best : dict of str to Tensor
        A copy of the best weights so far.
    """

    networks: Mapping[str, nn.Module]
    chosen: nn.Module
    optimiser: Optimizer
    best: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self.keep()

    def keep(self) -> None:
        """The weights are the best so far."""
        self.best = {key: value.clone() for key, value in own_tensors(self.chosen).items()}

    def put_back(self) -> None:
        """The best weights so far, for evaluation."""
        for key, value in own_tensors(self.chosen).items():
            value.copy_(self.best[key])
        self.chosen.eval()

    def tensors(self) -> dict[str, Tensor]:
        """All that it goes on from, by name."""
        tensors = {f"best.{key}": value for key, value in self.best.items()}
        for name, network in self.networks.items():
            tensors |= network_tensors(name, network)
        return tensors | optimiser_tensors("optimiser", self.optimiser)

    def put(self, tensors: Mapping[str, Tensor]) -> None:
        """What `tensors` gave; KeyError or ValueError if it does not fit."""
        put_network("best", self.chosen, tensors)
        self.keep()
        for name, network in self.networks.items():
            put_network(name, network, tensors)
        put_optimiser("optimiser", self.optimiser, tensors)


@dataclass(slots=True)
class Progress:
    """What all parts share.

    Attributes
    ----------
    team : Team
        Where it is trained, and whether somebody pressed Ctrl-C.
    temperatures : Temperatures
    curve : list of dict
        What each epoch gave.
    run : RunFolder, optional
        Gets the log, of the first process. Without one nothing is written or shown.
    checkpoint : Path, optional
        Where it is saved after each epoch, and gone on from if it is there; the same on all processes.
    """

    team: Team = field(default_factory=Team)
    temperatures: Temperatures = field(default_factory=Temperatures)
    curve: list[Record] = field(default_factory=list)
    run: RunFolder | None = None
    checkpoint: Path | None = None

    def __post_init__(self) -> None:
        self.temperatures.to(self.team.device)

    @property
    def shown(self) -> bool:
        """Whether bars are shown, and the log written."""
        return self.run is not None and self.team.first

    def is_past(self, part: str) -> bool:
        """Whether what is saved is of a later part."""
        place = self._saved_place()
        return place is not None and PARTS.index(place.part) > PARTS.index(part)

    def begin(self, learner: Learner, reader: SentenceReader, part: str) -> Place:
        """The beginning of a part, or where it was saved, whose state is then put into learner and reader.

        Raises
        ------
        BundleCorruptError
            If the checkpoint cannot be read, or belongs to another recipe.
        """
        return together(self.team.fabric, lambda: self._begun(learner, reader, part))

    def _begun(self, learner: Learner, reader: SentenceReader, part: str) -> Place:
        place = self._saved_place()
        if self.checkpoint is None or place is None or place.part != part:
            return Place(part)
        tensors, texts = read_tensors(self.checkpoint), read_header(self.checkpoint)
        with fitting(self.checkpoint), torch.no_grad():
            learner.put(tensors)
            for name, temperature in self.temperatures.parts().items():
                put_network(f"temperature.{name}", temperature, tensors)
        self.curve[:] = json.loads(texts["curve"])
        reader.codex.begun = json.loads(texts["begun"])
        return place

    def log(self, part: str, epoch: int, **facts: float) -> None:
        """Add an epoch to curve and log; DiskError if it cannot be written."""
        record: Record = {"part": part, "epoch": epoch, **facts}
        self.curve.append(record)
        together(self.team.fabric, lambda: self.run.log(**record) if self.run and self.team.first else None)

    def save(self, learner: Learner, reader: SentenceReader, place: Place) -> None:
        """Write where it stands, whole or not at all.

        Not after Ctrl-C: a run that goes on goes on as if nobody had pressed it.

        Raises
        ------
        DiskError
            If it cannot be written; what was saved before is still there.
        """
        if self.checkpoint is not None and self.team.saves:
            path = self.checkpoint
            together(self.team.fabric, lambda: self._write(path, learner, reader, place) if self.team.first else None)

    def _write(self, path: Path, learner: Learner, reader: SentenceReader, place: Place) -> None:
        tensors = learner.tensors()
        for name, temperature in self.temperatures.parts().items():
            tensors |= network_tensors(f"temperature.{name}", temperature)
        texts = {"place": asdict(place), "curve": self.curve, "begun": reader.codex.begun}
        write_tensors(path, tensors, {key: json.dumps(value) for key, value in texts.items()})

    def _saved_place(self) -> Place | None:
        if self.checkpoint is None or not self.checkpoint.is_file():
            return None
        with fitting(self.checkpoint):
            return Place(**json.loads(read_header(self.checkpoint)["place"]))


def forget_unsaved(run: RunFolder, with_language: bool = False) -> None:
    """Leave out of a run's log the epochs after its checkpoint, and what was learnt of text unless that was kept."""
    curve = json.loads(read_header(run.checkpoint)["curve"]) if run.checkpoint.is_file() else []
    run.forget_unless(lambda record: record in curve or (with_language and record["part"] == "language"))
