"""One folder per run: the recipe as resolved, seed, commit, log, sample grids and checkpoints."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from bci_app.contract.errors import BundleCorruptError, SettingsError
from training.settings import EegDecoderRecipe, GeneratorRecipe

CHECKPOINT = "checkpoint.safetensors"
SOURCES = ("models", "training", "configs/train", "bci_app/contract", "bci_app/pictures", "bci_app/inference")
"""What the outcome of a training run depends on."""


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

    def log(self, **record: float | int | str) -> None:
        """Append one line to ``log.jsonl``."""
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def save_grid(self, name: str, rows: Sequence[NDArray[np.uint8]]) -> Path:
        """Write a PNG of pictures, one array (n, h, w, 3) per row, all of the same n."""
        lines = [np.concatenate(list(np.pad(row, ((0, 0), (1, 1), (1, 1), (0, 0)))), axis=1) for row in rows]
        path = self.path / f"{name}.png"
        Image.fromarray(np.concatenate(lines, axis=0)).save(path)
        return path


def new_run(root: Path, recipe: GeneratorRecipe | EegDecoderRecipe, now: datetime, command: str) -> RunFolder:
    """Make ``root/<name>-<date>`` with the resolved recipe, and the commit and command it ran from.

    Raises
    ------
    SettingsError
        If a run of this name began in the same second.
    """
    path = root / f"{recipe.name}-{now:%Y%m%d-%H%M%S}"
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        raise SettingsError(
            f"A run needs a folder of its own; '{path}' exists. Wait a second or change the name."
        ) from None
    (path / "recipe.json").write_text(recipe.model_dump_json(indent=1) + "\n", "utf-8")
    origin = {"commit": commit(), "command": command, "seed": recipe.seed, "started": now.isoformat(timespec="seconds")}
    (path / "origin.json").write_text(json.dumps(origin, indent=1) + "\n", "utf-8")
    return RunFolder(path)


def open_run(path: Path) -> tuple[RunFolder, GeneratorRecipe]:
    """A run to go on with, and its recipe.

    Raises
    ------
    SettingsError
        If there is no such run, or nothing was saved in it.
    """
    try:
        recipe = GeneratorRecipe.model_validate_json((path / "recipe.json").read_text("utf-8"))
    except (OSError, ValidationError) as error:
        raise SettingsError(
            f"A run to resume is a folder with a recipe.json; '{path}' has none that can be read: {error}."
        ) from None
    run = RunFolder(path)
    if not run.checkpoint.is_file():
        raise SettingsError(
            f"The run '{path}' holds no {CHECKPOINT}; it stopped before the first was saved. Start it anew."
        )
    return run, recipe


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


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file beside its place and rename it there."""
    draft = path.with_suffix(".draft")
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, str(draft))
    draft.replace(path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; BundleCorruptError if it is none."""
    try:
        return {name: torch.as_tensor(value) for name, value in load_file(str(path)).items()}
    except (OSError, SafetensorError) as error:
        raise BundleCorruptError(
            f"'{path}' must be a safetensors file; reading it failed: {error}. Start a new run."
        ) from None
