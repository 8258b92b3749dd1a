"""The whole way in seconds: recipe -> run folder -> bundle that the program opens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.bundle import open_bundle
from bci_app.inference.generator import Generator
from bci_app.pictures.source import builtin
from training import export, train_generator
from training.data.images import draw_split
from training.loops import autoencoder
from training.settings import read_recipe

TINY = "configs/train/tiny/pictures64.yaml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    assert train_generator.main([TINY, "--runs", str(runs)]) == 0
    (folder,) = runs.iterdir()
    return folder


def test_a_run_leaves_all_that_explains_it(run: Path) -> None:
    recipe = json.loads((run / "recipe.json").read_text())
    origin = json.loads((run / "origin.json").read_text())
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert recipe["network"]["latent_dim"] == 8
    assert origin["command"] == f"python -m training.train_generator {TINY}"
    assert set(origin) == {"commit", "command", "seed", "started"}
    assert [record["step"] for record in log] == [1, 2, 3, 4]
    with Image.open(run / "step-000004.png") as grid:
        assert grid.size == (16 * 66, 3 * 66)
    assert (run / "checkpoint.safetensors").is_file()


def test_the_bundle_opens_and_tells_its_scores_with_controls(run: Path) -> None:
    generator = Generator.open(run / "bundle", device="cpu")
    manifest = generator.manifest
    assert generator.generate(np.zeros((2, 8))).shape == (2, 64, 64, 3)
    assert len(manifest.metrics) == 4
    for score in manifest.metrics:
        assert None not in (score.chance, score.noise_input, score.shuffled_pairing)
        assert score.held_out
    assert manifest.provenance.recipe["name"] == "pictures64-tiny"
    assert generator.bundle.read("card.md").decode().count("| pixel correlation |") == 1
    np.testing.assert_allclose(generator.latent_mean, 0.0, atol=1e-4)


def test_latents_of_the_training_pictures_are_white(run: Path) -> None:
    recipe = read_recipe(TINY)
    split = draw_split(builtin(recipe.pictures.families), np.random.default_rng(recipe.seed), recipe.pictures)
    latents = Generator.open(run / "bundle", device="cpu").encode(split.train)
    np.testing.assert_allclose(latents.mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(np.cov(latents.T), np.eye(8), atol=1e-2)


def test_a_run_stopped_by_ctrl_c_goes_on_to_the_same_graphs(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = autoencoder.train_step

    def interrupted(state: autoencoder.TrainingState, *rest: object) -> dict[str, float]:
        if state.step == 3:
            raise KeyboardInterrupt
        return step(state, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(autoencoder, "train_step", interrupted)
        assert train_generator.main([TINY, "--runs", str(tmp_path)]) == 130
    assert "--resume" in capsys.readouterr().out
    (folder,) = tmp_path.iterdir()
    assert not (folder / "bundle").exists()
    assert train_generator.main(["--resume", str(folder)]) == 0
    whole, resumed = (open_bundle(each / "bundle").manifest for each in (run, folder))
    assert whole.latent_space == resumed.latent_space
    assert whole.provenance.command == resumed.provenance.command


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["configs/train/none.yaml"], "cannot be read"),
        ([TINY, "optimiser.steps=-1"], "optimiser.steps"),
        ([TINY, "pictures.families=[faces]"], "faces"),
        (["--resume", "configs"], "recipe.json"),
    ],
)
def test_what_cannot_be_done_is_said_without_a_traceback(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_generator.main([*words, "--runs", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_graph_that_differs_from_the_network_never_becomes_a_bundle(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = open_bundle(run / "bundle")
    graphs = {"latent": other.read("generator.onnx"), "image": other.read("encoder.onnx")}
    monkeypatch.setattr(export, "to_onnx", lambda network, example, given, made: graphs[given])
    assert train_generator.main([TINY, "seed=1", "--runs", str(tmp_path)]) == 1
    assert "must give its golden output" in capsys.readouterr().err
    (folder,) = tmp_path.iterdir()
    assert not (folder / "bundle").exists()
