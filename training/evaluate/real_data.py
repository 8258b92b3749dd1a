"""Scores on real recordings of others, each by a stated protocol, beside a plain baseline and its controls.

python -m training.evaluate.real_data FOLDER [v4 n170 uci haxby it] [--generator FOLDER] [--classifier FOLDER]

FOLDER holds macaque-v4, muse-n170, uci-eeg-pictures, haxby-slice, macaque-it and images; those that are missing are named
and left out. The V4 reader needs a classifier of natural pictures, which is trained first if there is none in the runs
(about eight minutes), and draws with a generator of natural pictures if one is given or lies in the runs
(python -m training.train_generator configs/train/natural64.yaml).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bci_app.calibration.ridge import OnProgress
from bci_app.contract.errors import BciError, SettingsError
from bci_app.inference.generator import Generator
from models.classifier import Classifier
from training.data.stimuli import read_zip
from training.evaluate.classifier_files import CARD, load_classifier
from training.evaluate.reader_report import write_reader_report
from training.evaluate.real import haxby, it, n170, uci, v4
from training.evaluate.real.result import RealResult
from training.run_folder import commit, new_run, writing
from training.settings import ClassifierRecipe, read_any_recipe
from training.train_classifier import train

CLASSIFIER = "configs/train/classifier_cifar10.yaml"
N_NATURAL = 10_000
PLACES = {
    "v4": "macaque-v4",
    "n170": "muse-n170",
    "uci": "uci-eeg-pictures",
    "haxby": "haxby-slice",
    "it": "macaque-it",
}
SIMPLE: dict[str, Callable[[Path, OnProgress | None], RealResult]] = {
    "n170": n170.measure,
    "uci": uci.measure,
    "haxby": haxby.measure,
    "it": it.measure,
}


def measure(name: str, words: argparse.Namespace, place: Path, on_progress: OnProgress) -> RealResult:
    """One measurement; that of V4 leaves a page in the folder `place`."""
    folder = words.folder / PLACES[name]
    if name != "v4":
        return SIMPLE[name](folder, on_progress)
    images = words.folder / "images"
    _, pictures = read_zip(images / "natural64_jpeg.zip")
    natural = np.stack([pictures[each] for each in sorted(pictures)[:N_NATURAL]])
    classifier = _classifier(words.classifier, images, words.runs)
    generator = _generator(words.generator, words.runs)
    result, page = v4.measure(folder, v4.NaturalPictures(natural, classifier), generator, on_progress)
    write_reader_report(place / "v4.html", page)
    return result


def _classifier(given: Path | None, images: Path, runs: Path) -> Classifier:
    """The one given, or the newest in the runs, or one trained now."""
    recipe = read_any_recipe(ClassifierRecipe, CLASSIFIER, [f"pictures.source={images / 'cifar10_jpeg.zip'}"])
    known = sorted(path.parent for path in runs.glob(f"{recipe.name}-*/{CARD}"))
    if given is None and not known:
        run = new_run(runs, recipe, datetime.now(), f"python -m training.train_classifier {CLASSIFIER}")
        train(recipe, run)
        given = run.path
    return load_classifier(given or known[-1]).network


def _generator(given: Path | None, runs: Path) -> Generator | None:
    known = sorted(path.parent for path in runs.glob("natural64-*/bundle/manifest.json"))
    place = given or (known[-1] if known else None)
    return None if place is None else Generator.open(place, "cpu")


def table(results: Sequence[RealResult]) -> Table:
    """Each headline beside its controls."""
    columns = ("data", "value [95 %]", "chance", "noise", "shuffled", "plain baseline", "at least", "aim")
    shown = Table(*columns, title="real recordings")
    for each in results:
        value = f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]"
        controls = (each.chance, each.noise, each.shuffled, each.baseline, each.at_least, each.aim)
        reached = "" if each.value >= each.at_least else " missed"
        shown.add_row(each.name, value + reached, *(f"{number:.3f}" for number in controls))
    return shown


@contextmanager
def _progress(console: Console) -> Iterator[OnProgress]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=1)
        yield lambda done, total, text: bar.update(task, completed=done, total=max(total, 1), description=text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a message says what to do."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate.real_data", description="Real recordings.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="v4 n170 uci haxby it")
    parser.add_argument(
        "--generator", type=Path, help="bundle of a generator of natural pictures, to draw V4 readings with"
    )
    parser.add_argument("--classifier", type=Path, help="run of train_classifier on natural pictures, for V4")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    words = parser.parse_args(arguments)
    console = Console(width=150)
    try:
        results = _measure_all(words, console)
    except BciError as error:
        print(error, file=sys.stderr)
        return 1
    console.print(table(results))
    return 0


def _measure_all(words: argparse.Namespace, console: Console) -> list[RealResult]:
    unknown = sorted(set(words.names) - set(PLACES))
    there = [name for name in words.names or PLACES if (words.folder / PLACES.get(name, "")).is_dir()]
    if unknown or not there:
        raise SettingsError(
            f"There are measurements {', '.join(PLACES)}, of the folders {', '.join(PLACES.values())} in '{words.folder}'; "
            f"{'unknown: ' + ', '.join(unknown) if unknown else 'none of the folders is there'}. Correct the names or the path."
        )
    for name in [name for name in words.names or PLACES if name not in there]:
        console.print(f"Left out: {name}, since '{words.folder / PLACES[name]}' is no folder.", markup=False)
    place = words.runs / f"real-data-{datetime.now():%Y%m%d-%H%M%S}"
    with writing(place):
        place.mkdir(parents=True)
    results = []
    with _progress(console) as tell:
        for name in there:
            results.append(measure(name, words, place, tell))
            _tell(results[-1], console)
            _save(results, place)
    console.print(f"Results: {place}", markup=False)
    return results


def _tell(result: RealResult, console: Console) -> None:
    """Protocol, notes and every score."""
    console.print(f"\n{result.name}: {result.what}.", markup=False)
    for finding in result.finding:
        score = finding.score
        ends = "" if score.low is None else f" [{score.low:.3f}, {score.high:.3f}]"
        beside = ((score.noise_input, "noise"), (score.shuffled_pairing, "shuffled"), (score.chance, "chance"))
        controls = ", ".join(f"{word} {value:.3f}" for value, word in beside if value is not None)
        console.print(f"  {score.name}: {score.value:.3f}{ends}; {controls}; n {score.n}", markup=False)
    for note in result.notes:
        console.print(f"  {note}", markup=False)


def _save(results: Sequence[RealResult], place: Path) -> None:
    content: dict[str, Any] = {"commit": commit(), "results": [asdict(each) for each in results]}
    for each in content["results"]:
        each["finding"] = [one | {"score": one["score"].model_dump()} for one in each["finding"]]
    with writing(place):
        (place / "results.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
