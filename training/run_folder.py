"""One folder per run: the recipe as resolved, seed, commit, log, sample grids and checkpoints."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from bci_app.contract.errors import BundleCorruptError, SettingsError
from training.errors import DiskError
from training.evolve_recipe import EvolveRecipe
from training.gan_recipe import GanRecipe
from training.reader_recipe import ReaderRecipe
from training.settings import ClassifierRecipe, GeneratorRecipe, Recipe, problems
from training.text_recipe import TextRecipe

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

CHECKPOINT = "checkpoint.safetensors"
_ROOMS = ("contract", "pictures", "inference", "simulation", "calibration", "evolution", "text")
SOURCES = ("models", "training", "configs/train", *(f"bci_app/{room}" for room in _ROOMS))
"""What the outcome of a training run depends on."""
AnyRecipe = GeneratorRecipe | ReaderRecipe | ClassifierRecipe | GanRecipe | EvolveRecipe | TextRecipe
KINDS: dict[str, type[AnyRecipe]] = {
    "train_gan": GanRecipe,
    "train_generator": GeneratorRecipe,
    "train_classifier": ClassifierRecipe,
    "train_reader": ReaderRecipe,
    "evolve": EvolveRecipe,
    "train_text": TextRecipe,
}


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run's place on disk."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        """Where the newest state of the training lies."""
        return self.path / CHECKPOINT

    def origin(self, key: str) -> str:
        """Where the run comes from: its ``commit`` or ``command``."""
        return str(json.loads((self.path / "origin.json").read_text("utf-8"))[key])

    def inside(self, name: str) -> RunFolder:
        """A folder in the run's for one of its parts; DiskError if it cannot be made."""
        path = self.path / name
        with writing(path):
            path.mkdir(exist_ok=True)
        return RunFolder(path)

    def log(self, **record: float | int | str) -> None:
        """Append one line to ``log.jsonl``; DiskError if it cannot be written."""
        path = self.path / "log.jsonl"
        with writing(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def forget_after(self, step: int) -> None:
        """Leave out of ``log.jsonl`` what a run that broke off had logged after the step it goes on from."""
        self.forget_unless(lambda record: float(record["step"]) <= step)

    def forget_unless(self, kept: Callable[[Mapping[str, Any]], bool]) -> None:
        """Leave out of ``log.jsonl`` what a run that broke off had logged but not saved, and lines that were cut off."""
        path = self.path / "log.jsonl"
        if not path.is_file():
            return
        with writing(path):
            before = path.read_text("utf-8")
            after = "".join(f"{line}\n" for line in before.splitlines() if _is_kept(line, kept))
            if after != before:
                _replace(path, after)

    def board(self, step: int = 0) -> SummaryWriter:
        """The run's TensorBoard events, without those after `step` (tensorboard --logdir runs shows them)."""
        from torch.utils.tensorboard import SummaryWriter

        with writing(self.path / "tensorboard"):
            return SummaryWriter(str(self.path / "tensorboard"), purge_step=step + 1)

    def go_on(self, recipe: AnyRecipe, now: datetime, command: str) -> None:
        """Put the recipe that the run goes on with in place of its own, and add to ``origin.json`` when and by what.

        Raises
        ------
        SettingsError
            If the run does not say where it comes from.
        DiskError
            If the folder cannot be written.
        """
        path = self.path / "origin.json"
        try:
            origin = json.loads(path.read_text("utf-8"))
            told = [*origin.get("continued", [])]
        except (OSError, ValueError, AttributeError) as error:
            raise SettingsError(f"A run has an origin.json that can be read; '{path}' is none: {error}.") from None
        told.append({"time": now.isoformat(timespec="seconds"), "commit": commit(), "command": command})
        with writing(self.path):
            _replace(self.path / "recipe.json", recipe.model_dump_json(indent=1) + "\n")
            _replace(path, json.dumps(origin | {"continued": told}, indent=1) + "\n")

    def save_grid(self, name: str, rows: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Write a PNG of pictures, one array (n, h, w, channels) per row, all of the same n; returns its pixels.

        Raises
        ------
        DiskError
            If it cannot be written.
        """
        lines = [np.concatenate(list(np.pad(row, ((0, 0), (1, 1), (1, 1), (0, 0)))), axis=1) for row in rows]
        pixels = np.concatenate(lines, axis=0)
        pixels = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
        path = self.path / f"{name}.png"
        with writing(path):
            Image.fromarray(pixels).save(path)
        return pixels


def new_run(root: Path, recipe: AnyRecipe, now: datetime, command: str) -> RunFolder:
    """Make ``root/<name>-<date>`` with the resolved recipe, and the commit and command it ran from.

    Where a run of this name began in the same second, the folder gets a number: ``-2``, ``-3`` and so on.

    Raises
    ------
    DiskError
        If the folder cannot be made or written.
    """
    path = _own_folder(root / f"{recipe.name}-{now:%Y%m%d-%H%M%S}")
    origin = {"commit": commit(), "command": command, "seed": recipe.seed, "started": now.isoformat(timespec="seconds")}
    with writing(path):
        (path / "recipe.json").write_text(recipe.model_dump_json(indent=1) + "\n", "utf-8")
        (path / "origin.json").write_text(json.dumps(origin, indent=1) + "\n", "utf-8")
    return RunFolder(path)


def _own_folder(wanted: Path) -> Path:
    for number in itertools.count(1):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise DiskError(_unwritable(path, error)) from None
        return path
    raise AssertionError


def open_run(path: Path, kind: type[Recipe], saved: bool = True) -> tuple[RunFolder, Recipe]:
    """A run to go on with, and its recipe, which must be of `kind`; unless `saved` is false, one that has saved something.

    Raises
    ------
    SettingsError
        If there is no such run, or nothing was saved in it.
    """
    try:
        raw = json.loads((path / "recipe.json").read_text("utf-8"))
        recipe = kind.model_validate(raw)
    except (OSError, ValueError) as error:
        if isinstance(error, ValidationError):
            _refuse_other_kind(path, raw, kind)
        reason = problems(error, raw) if isinstance(error, ValidationError) else str(error)
        raise SettingsError(
            f"A run to resume is a folder with a recipe.json; '{path}' has none that can be read: {reason}."
        ) from None
    run = RunFolder(path)
    if saved and not run.checkpoint.is_file():
        raise SettingsError(
            f"The run '{path}' holds no {CHECKPOINT}; it stopped before the first was saved. Start it anew."
        )
    return run, recipe


def _refuse_other_kind(path: Path, raw: object, kind: type[Recipe]) -> None:
    """Raise SettingsError if this is the recipe of another script."""
    for script, other in KINDS.items():
        try:
            other.model_validate(raw)
        except ValidationError:
            continue
        asked = next((name for name, each in KINDS.items() if each is kind), kind.__name__)
        raise SettingsError(f"'{path}' is a run of training.{script}, not of training.{asked}. Give it to that script.")


def _is_kept(line: str, kept: Callable[[Mapping[str, Any]], bool]) -> bool:
    """Of a line of the log; one that was cut off is not."""
    try:
        return kept(json.loads(line))
    except (ValueError, KeyError, TypeError):
        return False


def _replace(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.write_text(text, "utf-8")
    os.replace(draft, path)


def commit() -> str:
    """Hash of the checked-out commit, with ``+changes`` if `SOURCES` differ from it; ``unknown`` outside a checkout."""
    root = Path(__file__).parents[1]
    try:
        head, changes = (
            subprocess.run(["git", *words], capture_output=True, text=True, check=True, cwd=root).stdout
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--", *SOURCES])
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.strip() + ("+changes" if changes.strip() else "")


def refuse_unwritable(folder: Path) -> None:
    """Raise DiskError unless files can be put into the folder, which need not exist yet."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        with tempfile.TemporaryDirectory(dir=there):
            pass
    except OSError as error:
        raise DiskError(
            f"The bundle must have a place; '{there}' cannot be written: {error.strerror}. Choose another bundle.folder."
        ) from None


def write_tensors(path: Path, tensors: Mapping[str, Tensor], texts: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file, with texts in its header, beside its place and rename it there.

    Raises
    ------
    DiskError
        If it cannot be written; what lay at `path` is still there.
    """
    draft = path.with_suffix(".draft")
    try:
        with writing(path):
            save_file(
                {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
                str(draft),
                dict(texts or {}),
            )
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what a full or read-only disk raises into one message.

    Raises
    ------
    DiskError
        In place of it.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise DiskError(_unwritable(path, error)) from None


def _unwritable(path: Path, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    begun = any((folder / CHECKPOINT).is_file() for folder in (path, path.parent))
    kept = "; what was saved before is whole, go on with --resume." if begun else "."
    return f"'{path}' cannot be written: {reason}. Make room on the disk or choose another --runs folder{kept}"


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; BundleCorruptError if it is none."""
    with _reading(path):
        return {name: torch.as_tensor(value) for name, value in load_file(str(path)).items()}


def read_header(path: Path) -> dict[str, str]:
    """The texts in the header of a safetensors file; BundleCorruptError if it is none."""
    with _reading(path), safe_open(str(path), framework="pt") as file:
        return dict(file.metadata() or {})


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise BundleCorruptError(
            f"'{path}' must be a safetensors file; reading it failed: {error}. Start a new run."
        ) from None
