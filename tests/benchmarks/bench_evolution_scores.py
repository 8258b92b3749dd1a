"""How far pictures are evolved: the program's optimiser against the best published ones, and random search.

The published protocol: the optimiser sees responses with multiplicative noise; what counts is the highest response without
noise among all the pictures it showed, divided by the highest that anybody in the table reached on that unit. That figure
knows which picture was best, which an experiment does not; so the response to the one picture that the optimiser hands over
at the end stands beside it. Ratios are of means over units and seeds, their 95 % intervals are drawn over units, and the
best rival is chosen anew in every draw.

All of it: about 25 minutes on two cores. A part, or 3,000 evaluations with the generator that is shipped (over an hour):
``python -m tests.benchmarks.bench_evolution_scores --worlds pictures64 --evaluations 3000 --seeds 1``

Source: Wang & Ponce 2022, High-performance evolutionary algorithms for online neuron control, GECCO, and its published
analysis.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from rich.progress import track

from bci_app.bundles import shipped
from bci_app.inference.image_model import ImageModel, Unit
from tests.benchmarks.evolution_contest import CONTESTANTS, CONTROL, OURS, RIVALS, End, evolve
from tests.benchmarks.evolution_targets import WORLDS, World, choose_units
from tests.benchmarks.results import Row, publish

PLAN = (("spectral", 3000), ("pictures64", 400), ("spectral", 400))
LEVELS, N_UNITS, N_SEEDS, N_DRAWS = (0.0, 0.2, 0.5), 21, 3, 10_000
GOALS = {3000: (1.0, 1.2), 400: (1.1, 1.5)}
"""Ratio to reach, and to aim at, after so many evaluations."""


@dataclass(frozen=True, slots=True)
class Job:
    """All contestants against one unit from one seed."""

    world: str
    n_evaluations: int
    levels: tuple[float, ...]
    n_units: int
    unit: int
    seed: int


class Result(NamedTuple):
    """One evolution."""

    job: Job
    name: str
    level: float
    end: End


@cache
def world_of(name: str) -> World:
    """Opened once in a process."""
    return WORLDS[name]()


@cache
def units_of(world: str, n: int) -> list[Unit]:
    """Opened once in a process."""
    return choose_units(ImageModel.open(shipped("classifier64"), "cpu"), n, world_of(world))


def play(job: Job) -> list[Result]:
    """Run them. Random search shows the same pictures whatever it is told, so it is told once, without noise."""
    results = []
    for (name, make), level in product(CONTESTANTS.items(), job.levels):
        if name == CONTROL and level != job.levels[0]:
            continue
        noise, unit = (0.0 if name == CONTROL else level), units_of(job.world, job.n_units)[job.unit]
        seed = 100 * job.unit + job.seed
        end = evolve(make(job.n_evaluations), world_of(job.world), unit, noise, job.n_evaluations, seed)
        results.append(Result(job, name, level, end))
    return results


Key = tuple[str, int, float]
"""Generator, evaluations, noise."""


class Table(NamedTuple):
    """Normalised scores (n_units,), means over seeds, of each contestant: the highest shown, and the one handed over."""

    highest: dict[str, np.ndarray]
    handed_over: dict[str, np.ndarray]


def normalised(results: list[Result]) -> dict[Key, Table]:
    """A table for each generator, evaluations and noise; 1 is the highest ever reached on the unit with the generator."""
    top: dict[tuple[str, int], float] = {}
    for job, _, _, end in results:
        top[job.world, job.unit] = max(top.get((job.world, job.unit), -np.inf), end.highest)
    of_seeds: dict[tuple[Key, str, int], list[np.ndarray]] = {}
    for job, name, level, end in results:
        for each in job.levels if name == CONTROL else (level,):
            key = (job.world, job.n_evaluations, each)
            of_seeds.setdefault((key, name, job.unit), []).append(np.array(end) / top[job.world, job.unit])

    def column(key: Key, place: int) -> dict[str, np.ndarray]:
        return {
            name: np.array([np.mean(of_seeds[at], axis=0)[place] for at in sorted(of_seeds) if at[:2] == (key, name)])
            for name in CONTESTANTS
        }

    return {key: Table(column(key, 0), column(key, 1)) for key in sorted({at[0] for at in of_seeds})}


def ratio(scores: dict[str, np.ndarray]) -> tuple[float, float, float]:
    """Ours / the best of the published, and its 95 % interval over units."""
    n_units = len(scores[OURS])
    draws = np.random.default_rng(0).integers(n_units, size=(N_DRAWS, n_units))
    drawn = scores[OURS][draws].mean(axis=1) / np.max([scores[name][draws].mean(axis=1) for name in RIVALS], axis=0)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return scores[OURS].mean() / max(scores[name].mean() for name in RIVALS), float(low), float(high)


def rows_of(key: Key, table: Table) -> list[Row]:
    """The two ratios, and under each the means it is made of."""
    world, n_evaluations, level = key
    least, aim = GOALS.get(n_evaluations, (None, None))
    where, rows = f"{world}, {n_evaluations} evaluations, noise {level:g}", []
    for words, scores in (("highest shown", table.highest), ("handed over", table.handed_over)):
        middle, low, high = ratio(scores)
        held = least if scores is table.highest else None
        rows.append(
            Row(
                f"{where}: {words}, {OURS} / best published",
                f"{middle:.3f} ({low:.3f} to {high:.3f})",
                "" if held is None else f">= {held:g}, aim {aim:g}",
                None if held is None else bool(middle >= held),
            )
        )
        rows.append(Row("    " + ", ".join(scores), " / ".join(f"{each.mean():.3f}" for each in scores.values())))
    return rows


def jobs_of(wanted: argparse.Namespace) -> list[Job]:
    """The longest first."""
    plan = PLAN if wanted.worlds is None and wanted.evaluations is None else None
    pairs = plan or product(wanted.worlds or WORLDS, wanted.evaluations or GOALS)
    return [
        Job(world, n_evaluations, tuple(wanted.noise), wanted.units, unit, seed)
        for (world, n_evaluations), unit, seed in product(pairs, range(wanted.units), range(wanted.seeds))
    ]


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--worlds", nargs="+", choices=sorted(WORLDS), help="generators (with --evaluations: all pairs)"
    )
    parser.add_argument("--evaluations", nargs="+", type=int, help="pictures an evolution shows, multiples of 40")
    parser.add_argument("--noise", nargs="+", type=float, default=LEVELS)
    parser.add_argument("--units", type=int, default=N_UNITS, help="a multiple of 3")
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    return parser.parse_args()


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    wanted = arguments()
    jobs = jobs_of(wanted)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(wanted.processes, multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(play, job) for job in jobs]
        results = [result for each in track(as_completed(running), "evolving", len(jobs)) for result in each.result()]
    rows = [Row("1 is the highest response without noise that anybody here reached on the unit with the generator",
                f"{wanted.units} units x {wanted.seeds} seeds")]  # fmt: skip
    rows += [row for key, table in normalised(results).items() for row in rows_of(key, table)]
    kept = [
        f"{job.world},{job.n_evaluations},{job.unit},{job.seed},{level:g},{name},{end.highest:.5g},{end.handed_over:.5g}"
        for job, name, level, end in results
    ]
    header = "generator,evaluations,unit,seed,noise,optimiser,highest,handed_over"
    return int(not publish("evolution_scores", rows, {"evolutions": [header, *kept]}))


if __name__ == "__main__":
    sys.exit(main())
