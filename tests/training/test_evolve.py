"""From a recipe to figures and a page; a run that broke off goes on to the same end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from training import evolve
from training.evolve_recipe import EncodingTarget, EvolveRecipe
from training.run_folder import read_tensors, write_tensors
from training.settings import read_any_recipe

RECIPES = sorted(Path("configs/train").glob("evolve_*.yaml"))
SMALL = (
    "optimiser={kind: genetic, population: 4}", "evaluations=8", "target.channels=2", "target.references.n=30",
    "target.references.families=[letters]",
)  # fmt: skip


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_that_comes_with_the_project_is_valid(path: Path) -> None:
    recipe = read_any_recipe(EvolveRecipe, path)
    assert recipe.name == path.stem.replace("_", "-")
    assert recipe.generations * recipe.optimiser.population == recipe.evaluations


def test_fewer_evaluations_than_a_generation_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"at least the population \(40\); got 39"):
        read_any_recipe(EvolveRecipe, RECIPES[0], ["evaluations=39", "optimiser.population=40"])


def test_the_figure_of_v4_is_not_made_with_neurons_that_settings_were_chosen_on() -> None:
    target = read_any_recipe(EvolveRecipe, "configs/train/evolve_v4.yaml").target
    assert isinstance(target, EncodingTarget)
    assert (target.first, target.step) == (1, 2)


def test_a_run_that_broke_off_goes_on_to_the_same_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evolve.main(["configs/train/evolve_classifier64.yaml", *SMALL, "--runs", str(tmp_path)]) == 0
    (run,) = tmp_path.iterdir()
    whole = json.loads((run / "results.json").read_text())
    evolved, random, sham = (whole["figures"][0][arm] for arm in ("evolved", "random", "sham"))
    for value, low, high in (evolved, random, sham):
        assert low <= value <= high
    assert len(whole["units"]) == 2
    page = (run / "report.html").read_text()
    for words in ("random search, as many pictures", "shuffled", "best reference picture", "multiplicative"):
        assert words in page
    assert page.count("data:image/png") == 2 * 6
    assert "response / best reference picture's: evolved" in capsys.readouterr().out

    kept = read_tensors(run / "checkpoint.safetensors")
    first = sorted({name.rpartition("/")[0] for name in kept})[0]
    write_tensors(run / "checkpoint.safetensors", {name: each for name, each in kept.items() if name.startswith(first)})
    assert evolve.main(["--resume", str(run)]) == 0
    assert json.loads((run / "results.json").read_text()) == whole
    again = read_tensors(run / "checkpoint.safetensors")
    assert all(np.array_equal(again[name], kept[name]) for name in kept)


def test_a_fault_of_the_recipe_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evolve.main(["configs/train/evolve_v4.yaml", "target.folder=nowhere", "--runs", str(tmp_path)]) == 1
    assert "there is no such file. Give the folder that holds them" in capsys.readouterr().err
