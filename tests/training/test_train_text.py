"""The whole way in seconds: recipe -> readings -> text -> language model -> stages -> scores -> bundle -> report."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from bci_app.contract.bundle import open_bundle
from bci_app.contract.manifest import TextManifest
from bci_app.inference.text import TextDecoder
from bci_app.simulation.sentences import part_of
from bci_app.text.scores import MATCHED_MINUS_SHUFFLED
from bci_app.text.words import sentence_key
from training import train_text
from training.data.reading_files import read_readings
from training.data.reading_splits import divide_readings
from training.data.readings import Readings
from training.run_folder import new_run, open_run, write_tensors
from training.settings import read_any_recipe
from training.text import progress
from training.text.reader import TrainedTextReader
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
    assert (first.name, first.chance, first.n) == (MATCHED_MINUS_SHUFFLED, 0.0, 18)  # six stand alone in their length
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
    assert {path.name for path in run.iterdir()} == {
        *("recipe.json", "origin.json", "log.jsonl", "bundle", "report.html", "scores.json"),
        *("noise", "checkpoint.safetensors", "language.safetensors"),
    }
    scores = json.loads((run / "scores.json").read_text("utf-8"))
    inputs = [each["name"] for each in scores["inputs"]]
    assert inputs[0] == "real EEG"
    assert "model trained on noise, given matched noise" in inputs
    parts = [json.loads(line)["part"] for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    assert list(dict.fromkeys(parts)) == ["language", "alignment", "first", "second"]
    card = (run / "bundle" / "card.md").read_text("utf-8")
    for name in ("model trained on noise, given real EEG", "best constant sentence", "language model alone"):
        assert f"| {name} | " in card
    page = (run / "report.html").read_text("utf-8")
    assert "too few to say whether text was read from the EEG" in page
    assert "Trained on the CPU, in 1 process, float32." in page


def test_scored_sentences_that_nearly_equal_one_learnt_from_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    sides, _, _ = train_text._prepare(read_any_recipe(TextRecipe, TINY, ["data.n_train=400", "data.n_test=60"]))
    train_text._tell(Console(stderr=True, width=1000), sides)
    told = capsys.readouterr().err
    assert f"scored: {len(sides.test)} readings of {len(set(sides.test.keys))} sentences" in told
    assert "differ by no more than one word in eight from one on the training side" in told
    assert sides.test.notes[-1] in told


def test_a_run_that_breaks_off_in_its_noise_twin_goes_on_to_the_same_readers(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is scored is looked at in place of the scores, which are a function of it."""
    scored: list[tuple[TrainedTextReader, TrainedTextReader, Readings]] = []

    def look(
        reader: TrainedTextReader, train: Readings, test: Readings, *, noise_model: TrainedTextReader, **_: object
    ) -> None:
        scored.append((reader, noise_model, test))
        raise KeyboardInterrupt

    def broken_off(path: Path, *rest: object) -> None:
        write_tensors(path, *rest)  # type: ignore[arg-type]
        if path.parent.name == "noise":
            raise KeyboardInterrupt

    monkeypatch.setattr(train_text, "score_text", look)
    with monkeypatch.context() as patched:
        patched.setattr(progress, "write_tensors", broken_off)
        assert train_text.main([TINY, "--runs", str(tmp_path)]) == 130
    (folder,) = tmp_path.iterdir()
    assert f"Go on with: python -m training.train_text --resume {folder}" in capsys.readouterr().out
    assert train_text.main(["--resume", str(folder), "bundle.name=x"]) == 130
    assert train_text.main(["--resume", str(run)]) == 130  # one that is done trains no more
    (reader, noise, test), (wanted, wanted_noise, same_test) = scored
    for one, other in ((reader, wanted), (noise, wanted_noise)):
        weights = other.network.state_dict()
        assert all(torch.equal(value, weights[key]) for key, value in one.network.state_dict().items())
    assert test.keys == same_test.keys
    for name in ("log.jsonl", "noise/log.jsonl"):
        assert (folder / name).read_text("utf-8") == (run / name).read_text("utf-8")
    (continued,) = json.loads((folder / "origin.json").read_text("utf-8"))["continued"]
    assert continued["command"].endswith(f"--resume {folder} bundle.name=x")


def test_a_run_of_which_nothing_was_saved_begins_again_and_what_it_depends_on_stays(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = new_run(tmp_path, read_any_recipe(TextRecipe, TINY), datetime(2026, 1, 1), "")
    for words, told in (
        ([TINY, "--resume", str(begun.path)], "--resume takes the recipe in the run's folder"),
        (["--resume", str(begun.path), "seed=2"], "seed"),
        (["--resume", str(tmp_path)], "is a folder with a recipe.json"),
        ([TINY, TINY], "One recipe is trained at a time"),
        (
            ["--resume", str(begun.path), "machine.accelerator=cuda", "machine.devices=4"],
            "wants machine.accelerator=cuda",
        ),
    ):
        assert train_text.main(words) == 1, words
        assert told in capsys.readouterr().err
    assert open_run(begun.path, TextRecipe, saved=False)[0] == begun


def test_what_cannot_be_meant_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for change, told in (
        ("pretraining={}", "pretraining reconstructs waves; the data are word-features"),
        ("beginning={losses: {evenly: 1.0}}", "evenly shares waves out among words; the data are word-features"),
        ("generation.max_tokens=100", "must not exceed language.n_places (64); got 100"),
        ("language={kind: pretrained, source: configs}", "'configs' holds app, train"),
        ("codex.n_codes=4000", "4000 codes begin from at least as many words; the"),
        ("machine.devices=5", "each of 5 processes needs two sentences of a batch, to contrast them; batches have 8"),
        ("language.n_places=50", "enough for the longest sentence, of 56 words; got 50"),
        ("data={kind: table, recordings: [a.fif]}", "split simulated_parts is of the simulated reader; data is table"),
        ("encoder.width=10000000000000", "must fit into memory and do not: optimiser.batch_size="),  # petabytes
        (f"data.files=[{'longer than the name of a file may be, ' * 9}]", "data.files: Extra inputs"),
    ):
        assert train_text.main([TINY, change, "--runs", str(tmp_path)]) == 1, change
        assert told in capsys.readouterr().err


@pytest.mark.parametrize("change", ["codex.n_codes=4000", "bundle.folder={here}/file/bundle"])
def test_what_cannot_end_well_is_refused_before_it_begins_and_leaves_no_folder(change: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "runs").mkdir()
    assert train_text.main([TINY, change.format(here=tmp_path), "--runs", str(tmp_path / "runs")]) == 1
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("path", sorted(Path("configs/train").glob("**/text_*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_that_comes_with_it_is_valid(path: Path) -> None:
    assert read_any_recipe(TextRecipe, path).name.startswith(path.stem.replace("_", "-"))
