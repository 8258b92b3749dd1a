"""Pictures evolved for neurons of macaque V4 in silico, over the best photographs that were recorded: ``evolve_v4.yaml``.

The recipe's neurons are those on which no setting was chosen, and only those whose model predicts photographs that are not
in its fit. Beside the figure stand random search with as many pictures, the optimiser with shuffled scores, and two models
that did not guide.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from tests.benchmarks.results import Row, publish
from training.evolve import evolve
from training.evolve_recipe import EvolveRecipe
from training.evolving.evolution import ARMS
from training.evolving.report import told
from training.evolving.scores import HEADLINE, Figure
from training.run_folder import new_run
from training.settings import read_any_recipe

RECIPE, DATA = "configs/train/evolve_v4.yaml", Path("../shared/data/macaque-v4")
AT_LEAST, AIM = 1.2, 1.5
OTHERS = ("random search", "shuffled scores")


def main() -> int:
    """Measure and publish; 1 if the target was missed."""
    if not DATA.is_dir():
        print(f"Left out: the recordings of V4 are not there ('{DATA}'). Nothing is measured.")
        return 0
    began = time.perf_counter()
    recipe = read_any_recipe(EvolveRecipe, RECIPE, [f"target.folder={DATA}"])
    print("About eight minutes.", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        run = new_run(Path(folder), recipe, datetime.now(), "python -m tests.benchmarks evolution_v4")
        found = evolve(recipe, run, lambda done, total, text: None)
    return int(not publish("evolution_v4", rows(found, time.perf_counter() - began), details(found)))


def rows(found: list[Figure], seconds: float) -> list[Row]:
    """Every figure beside its controls; the first has a target."""
    table = []
    for figure in found:
        beside = ", ".join(f"{word} {told(figure.values[arm])}" for word, arm in zip(OTHERS, ARMS[1:], strict=True))
        measured = f"{told(figure.values['evolved'])}; {beside}; n {figure.n}"
        if figure.name == HEADLINE:
            reached = figure.values["evolved"][0] >= AT_LEAST
            table.append(Row(f"V4, {figure.name}", measured, f">= {AT_LEAST}, aim {AIM}", reached))
        else:
            table.append(Row(figure.name, measured))
    return [*table, Row("time", f"{seconds:.0f} s", "<= 600 s on a core of its own")]


def details(found: list[Figure]) -> dict[str, object]:
    """The same as numbers."""
    return {figure.name: dict(figure.values) for figure in found}


if __name__ == "__main__":
    sys.exit(main())
