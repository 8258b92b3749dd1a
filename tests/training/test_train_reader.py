"""The whole way in seconds: recipe -> trials -> split -> scores -> bundle that the program opens -> report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.bundle import open_bundle
from bci_app.contract.errors import SettingsError
from bci_app.contract.manifest import DecoderManifest
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from tests.training.data.trials import numbered_trials
from training import train_reader
from training.data.trials import read_trials
from training.reader_recipe import ReaderRecipe
from training.settings import read_any_recipe

TINY = {kind: f"configs/train/tiny/reader_{kind}.yaml" for kind in ("linear", "nice")}


@pytest.fixture(scope="module", params=TINY)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    assert train_reader.main([TINY[request.param], "--runs", str(runs)]) == 0
    (folder,) = runs.iterdir()
    return folder


def test_the_bundle_opens_with_its_generator_and_tells_scores_with_controls(run: Path) -> None:
    recipe = ReaderRecipe.model_validate_json((run / "recipe.json").read_text("utf-8"))
    generator = Generator.open(recipe.generator, "cpu")
    decoder = Decoder.open(run / "bundle", generator, "cpu")
    trials = read_trials(recipe, generator.image_size)
    assert (decoder.n_channels, decoder.n_times) == trials.windows.shape[1:]
    assert decoder.decode_many(trials.windows[:3]).shape == (3, generator.latent_space.dim)
    first = decoder.manifest.metrics[0]
    assert (first.name, first.n, first.chance) == ("pairwise identification, single trials", 20, 0.5)
    assert None not in (first.low, first.high, first.noise_input, first.shuffled_pairing)
    assert first.held_out == "session test, not trained on; no picture of it was trained on"


def test_the_bundle_names_the_training_pictures_and_none_that_were_scored(run: Path) -> None:
    recipe = ReaderRecipe.model_validate_json((run / "recipe.json").read_text("utf-8"))
    manifest, trials = open_bundle(run / "bundle").manifest, read_trials(recipe, 64)
    assert isinstance(manifest, DecoderManifest)
    sides = [{trials.pictures[n] for n in np.flatnonzero(np.array(trials.sessions) == s)} for s in ("training", "test")]
    assert set(manifest.trained_on) == sides[0]
    assert sides[0].isdisjoint(sides[1])
    assert manifest.provenance.recipe["name"] == recipe.name
    assert ("torch" in manifest.provenance.versions) == (recipe.reader.kind == "nice")


def test_a_run_leaves_all_that_explains_it(run: Path) -> None:
    there = {path.name for path in run.iterdir()}
    assert {"recipe.json", "origin.json", "bundle", "report.html", "scores.json"} <= there
    scores = json.loads((run / "scores.json").read_text("utf-8"))
    assert scores[0]["name"].startswith("pairwise identification")
    page = (run / "report.html").read_text("utf-8")
    assert "session test, not trained on" in page
    drawn = [heading in page for heading in ("What more data would bring", "When it can be read")]
    assert drawn == ["linear" in run.name] * 2
    if "nice" in run.name:
        assert {"log.jsonl", "best.safetensors", "tensorboard", "fit-2"} <= there
        assert [json.loads(line)["epoch"] for line in (run / "log.jsonl").read_text().splitlines()] == [0, 1, 2]


def test_what_cannot_be_meant_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for change, told in (
        ("split.test=[monday]", "has no monday. It has"),
        ("reader.kind=resnet", "reader.kind must be"),
        ("objective.image_features=clip.npz", "its weight is 0"),
        ("generator=nowhere", "nowhere"),
        ("fine_tuning={}", "it needs subject, and a deep reader"),
    ):
        assert train_reader.main([TINY["linear"], change, "--runs", str(tmp_path)]) == 1
        assert told in capsys.readouterr().err


def test_a_network_of_several_participants_needs_to_know_whose_bundle_it_becomes() -> None:
    trials = numbered_trials(subjects=("Ada", "Ben"))
    deep = read_any_recipe(ReaderRecipe, TINY["nice"])
    with pytest.raises(SettingsError, match="subject must be one of Ada, Ben, got None"):
        train_reader.whose(deep, trials)
    with pytest.raises(SettingsError, match="got Cleo"):
        train_reader.whose(deep.model_copy(update={"subject": "Cleo"}), trials)
    assert train_reader.whose(deep.model_copy(update={"subject": "Ben"}), trials) == "Ben"
    assert train_reader.whose(read_any_recipe(ReaderRecipe, TINY["linear"]), trials) is None


@pytest.mark.parametrize("path", sorted(Path("configs/train").glob("**/reader_*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_that_comes_with_it_is_valid(path: Path) -> None:
    assert read_any_recipe(ReaderRecipe, path).name.startswith(path.stem.replace("_", "-"))
