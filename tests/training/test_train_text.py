"""The whole way in seconds: recipe -> readings -> text -> language model -> stages -> scores -> bundle -> report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.bundle import open_bundle
from bci_app.contract.manifest import TextManifest
from bci_app.inference.text import TextDecoder
from bci_app.simulation.sentences import part_of
from bci_app.text.scores import MATCHED_MINUS_SHUFFLED
from bci_app.text.words import sentence_key
from training import train_text
from training.data.reading_files import read_readings
from training.data.reading_splits import divide_readings
from training.settings import read_any_recipe
from training.text_recipe import TextRecipe

TINY = "configs/train/tiny/text_words.yaml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    assert train_text.main([TINY, "--runs", str(runs)]) == 0
    (folder,) = runs.iterdir()
    return folder


def test_the_bundle_opens_and_tells_first_what_remains_after_shuffling(run: Path) -> None:
    decoder = TextDecoder.open(run / "bundle", "cpu")
    first = decoder.manifest.metrics[0]
    assert (first.name, first.chance, first.n) == (MATCHED_MINUS_SHUFFLED, 0.0, 22)  # two stand alone in their length
    assert None not in (first.low, first.high, first.noise_input, first.shuffled_pairing)
    assert first.held_out.startswith("sentences that the simulated reader's grammar keeps for tests")
    readings = read_readings(read_any_recipe(TextRecipe, TINY).data)
    assert decoder.read(readings.items[0].signal).tokens


def test_no_sentence_that_is_chosen_by_or_scored_was_trained_on(run: Path) -> None:
    recipe, manifest = read_any_recipe(TextRecipe, TINY), open_bundle(run / "bundle").manifest
    assert isinstance(manifest, TextManifest)
    assert {part_of(sentence) for sentence in manifest.trained_on} == {"train"}
    readings = read_readings(recipe.data)
    (split,) = divide_readings(readings, recipe.split, recipe.seed).folds
    held_out = set(readings.take(np.concatenate([split.validation, split.test])).keys)
    assert held_out.isdisjoint(map(sentence_key, manifest.trained_on))


def test_a_run_leaves_all_that_explains_it(run: Path) -> None:
    assert {"recipe.json", "origin.json", "log.jsonl", "bundle", "report.html", "scores.json", "noise"} <= {
        path.name for path in run.iterdir()
    }
    scores = json.loads((run / "scores.json").read_text("utf-8"))
    inputs = [each["name"] for each in scores["inputs"]]
    assert inputs[0] == "real EEG"
    assert "model trained on noise, given matched noise" in inputs
    parts = [json.loads(line)["part"] for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    assert list(dict.fromkeys(parts)) == ["language", "alignment", "first", "second"]
    assert "No EEG information was detected" in (run / "report.html").read_text("utf-8")


def test_what_cannot_be_meant_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for change, told in (
        ("pretraining={}", "pretraining reconstructs waves; the data are word-features"),
        ("beginning={losses: {evenly: 1.0}}", "evenly shares waves out among words; the data are word-features"),
        ("generation.max_tokens=100", "must not exceed language.n_places (64); got 100"),
        ("language={kind: pretrained, source: configs}", "'configs' holds app, train"),
        ("codex.n_codes=4000", "4000 codes begin from at least as many vectors"),
        ("language.n_places=50", "enough for the longest sentence, of 56 words; got 50"),
        ("data={kind: table, recordings: [a.fif]}", "split simulated_parts is of the simulated reader; data is table"),
    ):
        assert train_text.main([TINY, change, "--runs", str(tmp_path)]) == 1, change
        assert told in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(Path("configs/train").glob("**/text_*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_that_comes_with_it_is_valid(path: Path) -> None:
    assert read_any_recipe(TextRecipe, path).name.startswith(path.stem.replace("_", "-"))
