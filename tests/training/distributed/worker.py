"""One of two processes, started as by torchrun, that meet one fate after another.

``RANK=0 ... python -m tests.training.distributed.worker FOLDER``, where each run folder in FOLDER is named by its fate.
What came of it is written to ``FOLDER/<fate>-<rank>.json``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from lightning_fabric import Fabric

from models.text.codex import Codex
from tests.training.text.readings import SENTENCES, known_readings
from training.checkpoint import network_tensors
from training.errors import DiskError
from training.gan import checkpoint, loop
from training.gan.step import Facts, GanState, train_step
from training.gan_recipe import GanRecipe
from training.processes import leave_the_others, noticing_lost_processes, only_the_first_speaks, open_fabric
from training.run_folder import RunFolder, write_tensors
from training.settings import read_any_recipe
from training.team import Team
from training.text.corpus import Corpus, language_model
from training.text.training import Sides, train_reader
from training.text_recipe import TextRecipe, WavePretraining
from training.train_gan import train

FATES = ("resumed", "interrupt", "not-a-number", "disk", "pictures", "lost")
"""In this order; nothing comes after a lost process."""
AT = 2
"""The step after which it happens."""
Step = Callable[..., Facts]


def meets(fate: str, rank: int) -> Step:
    """A training step after which this fate meets one process: the second, but for the disk, which the first writes."""

    def step(state: GanState, *rest: object) -> Facts:
        facts = train_step(state, *rest)  # type: ignore[arg-type]
        if rank == 1 and state.step == AT:
            if fate == "interrupt":
                os.kill(os.getpid(), signal.SIGINT)
            if fate == "not-a-number":
                return facts | {"generator": torch.tensor(float("nan"))}
            if fate == "lost":
                os._exit(3)
        return facts

    return step


def fails(fate: str, rank: int) -> Callable[[GanState, Path], None]:
    """A way to save that meets a full disk."""

    def save(state: GanState, path: Path) -> None:
        if fate == "disk":
            raise DiskError("no room")
        checkpoint_save(state, path)

    checkpoint_save = checkpoint.save
    return save


def recipe_in(folder: Path) -> GanRecipe:
    """The recipe of a run."""
    return GanRecipe.model_validate_json((folder / "recipe.json").read_text("utf-8"))


def outcome(fate: str, run: RunFolder, recipe: GanRecipe, fabric: Fabric) -> tuple[str, str]:
    """What came of a run that met its fate: type and text of the error, empty without one."""
    if fate == "pictures":
        recipe = recipe.model_copy(update={"pictures": recipe.pictures.model_copy(update={"source": "nowhere"})})
    loop.train_step, save = meets(fate, fabric.global_rank), checkpoint.save
    loop.checkpoint.save = fails(fate, fabric.global_rank)  # type: ignore[attr-defined]
    try:
        with noticing_lost_processes(fabric):
            train(recipe, run, fabric)
    except (Exception, KeyboardInterrupt) as error:
        return type(error).__name__, str(error)
    finally:
        checkpoint.save = save
    return "", ""


def text(folder: Path, fabric: Fabric) -> None:
    """A language model and readers of words and of waves, and a codex that sees a part of a batch; what each process has then."""
    team, found = Team(fabric), dict[str, torch.Tensor]()
    recipe = read_any_recipe(TextRecipe, "configs/train/tiny/text_words.yaml")
    for reads in ("word-features", "waves"):
        readings = known_readings(reads)  # type: ignore[arg-type]
        wanted = recipe.model_copy(update={"pretraining": WavePretraining(epochs=1)} if reads == "waves" else {})
        run = RunFolder(folder / reads)
        language, tokenizer = language_model(wanted, Corpus(SENTENCES[:24], SENTENCES[24:]), run, team)
        reader, _ = train_reader(wanted, Sides(readings, readings, readings), language, tokenizer, run, team)
        found |= network_tensors(reads, reader.network) | network_tensors(f"{reads}.text", language)
    codex = seen_codex(team)
    found |= network_tensors("codex", codex)
    write_tensors(folder / f"text-{fabric.global_rank}.safetensors", found)


def seen_codex(team: Team) -> Codex:
    """A codex after a training step on vectors of which each process had its share."""
    with team.drawing(3, alike=True):
        codex, vectors = Codex(6, 6, 4, decay=0.5), torch.randn(8, 5, 6)
        codex.begin(vectors.flatten(0, 1), 40.0)
    codex.read(team.share(vectors + 0.5))
    return codex


def main(folder: Path) -> None:
    """All fates, one after another."""
    recipes = {fate: recipe_in(folder / fate) for fate in FATES}  # now: a run that cannot begin removes its folder
    fabric = open_fabric(recipes[FATES[0]].machine)
    fabric.launch()
    only_the_first_speaks(fabric)
    text(folder, fabric)
    for fate in FATES:
        found = outcome(fate, RunFolder(folder / fate), recipes[fate], fabric)
        (folder / f"{fate}-{fabric.global_rank}.json").write_text(json.dumps(found), "utf-8")
    leave_the_others()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
