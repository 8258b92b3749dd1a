"""The end of a GAN's run: the bundle stands first, whatever becomes of its scores."""

from __future__ import annotations

import io
import json
import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

from bci_app.contract.bundle import open_bundle
from training import export, train_gan
from training.data.images import ImageSplit, Pictures, read_split
from training.errors import TrainingError
from training.evaluate.gan_pictures import GanPictures
from training.evaluate.gan_scores import GanScores
from training.evaluate.probe import ProbeRow
from training.evaluate.sample_scores import Comparison
from training.export import Draft
from training.gan import checkpoint
from training.gan import finish as finish_module
from training.gan.finish import best_networks, finish
from training.gan.loop import BEST, begin
from training.gan.scoring import as_scores, feature_space, rows, table
from training.gan_recipe import GanRecipe
from training.processes import open_fabric
from training.run_folder import RunFolder, new_run

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def recipe(dcgan_recipe: GanRecipe) -> GanRecipe:
    return dcgan_recipe


@pytest.fixture(scope="module")
def split(recipe: GanRecipe) -> ImageSplit:
    return read_split(recipe.pictures, recipe.seed)


@pytest.fixture
def run(
    recipe: GanRecipe,
    dcgan_generator: nn.Module,
    dcgan_draft: Draft,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> RunFolder:
    """A run that has done its steps and nothing else; the graph of its generator is ready."""
    monkeypatch.setattr(export, "to_onnx", lambda *given: dcgan_draft.files["generator.onnx"])
    run = new_run(tmp_path / "runs", recipe, datetime(2026, 1, 1), "made by a test")
    state = begin(recipe, open_fabric(recipe.machine))
    state.averaged.generator.load_state_dict(dcgan_generator.state_dict())
    state.step = recipe.updates.steps
    checkpoint.save(state, run.checkpoint)
    return run


def _without(recipe: GanRecipe) -> GanRecipe:
    return recipe.model_copy(update={"evaluation": recipe.evaluation.model_copy(update={"enabled": False})})


def test_without_evaluation_there_is_the_bundle_alone(recipe: GanRecipe, run: RunFolder, split: ImageSplit) -> None:
    finished = finish(_without(recipe), run, split, CPU)
    card = finished.bundle.read("card.md").decode()
    assert finished.figures == ()
    assert finished.report is None
    assert "A DCGAN, weights of step 6 of 6 (the newest; no best one was kept: checkpoint.safetensors)." in card
    assert "It has not been scored." in card
    assert not (run.path / "scores.json").exists()


def test_the_best_weights_leave_before_the_newest(recipe: GanRecipe, run: RunFolder, split: ImageSplit) -> None:
    best = begin(recipe.model_copy(update={"seed": 5}), open_fabric(recipe.machine)).averaged
    stopped = begin(recipe, open_fabric(recipe.machine)).averaged
    checkpoint.restore_averaged(stopped, run.checkpoint)
    for wanted, step in ((stopped, 6), (best, 3)):
        portable = best_networks(recipe, run, split)
        left = portable.generator.generator.state_dict()
        for name, value in wanted.generator.state_dict().items():
            if name in left:
                assert torch.equal(left[name], value)
        assert sum(name.endswith("running_mean") for name in left) == 3
        assert f"weights of step {step} of 6" in portable.about[0]
        checkpoint.save_averaged(best, 3, run.path / BEST)
    assert "the best while watched: best.safetensors" in portable.about[0]


def test_the_newest_weights_get_batch_statistics_of_their_own(
    recipe: GanRecipe, run: RunFolder, split: ImageSplit
) -> None:
    standing = recipe.model_copy(update={"average": recipe.average.model_copy(update={"standing": 1})})
    state = best_networks(standing, run, split).generator.generator.state_dict()
    variances = [value for name, value in state.items() if name.endswith("running_var")]
    assert variances
    assert all((value != 1.0).all() for value in variances)


def test_too_few_pictures_leave_a_bundle_that_says_so(
    recipe: GanRecipe, run: RunFolder, split: ImageSplit, caplog: pytest.LogCaptureFixture
) -> None:
    few = ImageSplit(split.train, split.validation, Pictures(split.test.images[:12]), name="few")
    finished = finish(recipe, run, few, CPU)
    assert finished.figures == ()
    assert "at least 20 test pictures; 'few' has 12" in caplog.text
    assert "Why there are no scores: A GAN is scored beside" in finished.bundle.read("card.md").decode()


def test_an_evaluation_that_fails_leaves_the_bundle_and_says_how_to_go_on(
    recipe: GanRecipe, run: RunFolder, split: ImageSplit
) -> None:
    settings = recipe.evaluation.model_copy(update={"classifier": "nowhere"})
    with pytest.raises(TrainingError, match=r"The bundle stands in .*'nowhere' has no card .* --finish") as raised:
        finish(recipe.model_copy(update={"evaluation": settings}), run, split, CPU)
    assert str(run.path) in str(raised.value)
    assert open_bundle(run.path / "bundle").manifest.metrics == ()


def test_an_evaluation_that_breaks_leaves_the_bundle(
    recipe: GanRecipe, run: RunFolder, split: ImageSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: object) -> GanScores:
        raise ZeroDivisionError

    monkeypatch.setattr(finish_module, "score", broken)
    with pytest.raises(ZeroDivisionError):
        finish(recipe, run, split, CPU)
    open_bundle(run.path / "bundle")


def test_a_run_that_was_stopped_can_be_ended(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    kept = run.checkpoint.read_bytes()
    assert train_gan.main(["--finish", str(run.path)]) == 0
    shown = capsys.readouterr().out
    assert f"Bundle: {run.path / 'bundle'}\nReport: {run.path / 'report.html'}\n" in shown
    assert "precision" in shown
    assert run.checkpoint.read_bytes() == kept
    assert not (run.path / "log.jsonl").exists()
    scores = open_bundle(run.path / "bundle").manifest.metrics
    figures = json.loads((run.path / "scores.json").read_text("utf-8"))
    assert scores[0].value == figures["samples"][0]["value"]
    assert figures["reconstructions"] == figures["probes"] == []


def test_resuming_a_run_that_is_done_only_ends_it(recipe: GanRecipe, run: RunFolder) -> None:
    (run.path / "recipe.json").write_text(_without(recipe).model_dump_json(), "utf-8")
    kept = run.checkpoint.read_bytes()
    assert train_gan.main(["--resume", str(run.path)]) == 0
    assert run.checkpoint.read_bytes() == kept
    assert not (run.path / "log.jsonl").exists()
    assert open_bundle(run.path / "bundle").manifest.metrics == ()


def test_a_recipe_without_bundle_ends_with_its_training(recipe: GanRecipe, run: RunFolder) -> None:
    none = recipe.model_copy(update={"bundle": recipe.bundle.model_copy(update={"enabled": False})})
    (run.path / "recipe.json").write_text(none.model_dump_json(), "utf-8")
    assert train_gan.main(["--resume", str(run.path)]) == 0
    assert not (run.path / "bundle").exists()


def test_there_is_nothing_to_end_in_another_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_gan.main(["--finish", str(tmp_path)]) == 1
    assert "a folder with a recipe.json" in capsys.readouterr().err


def test_the_bundle_goes_where_the_recipe_wants_it(
    recipe: GanRecipe, run: RunFolder, split: ImageSplit, tmp_path: Path
) -> None:
    bundle = recipe.bundle.model_copy(update={"folder": str(tmp_path / "there"), "name": "mine", "truncation": 2.0})
    finished = finish(_without(recipe).model_copy(update={"bundle": bundle}), run, split, CPU)
    assert "clipped: numbers beyond 2 become 2" in finished.bundle.read("card.md").decode()
    assert finished.bundle.folder == tmp_path / "there"
    assert finished.bundle.manifest.name == "mine"
    assert finished.bundle.manifest.latent_space.truncation == 2.0


def test_pictures_without_classes_are_compared_by_averaged_pixels(
    recipe: GanRecipe, run: RunFolder, split: ImageSplit
) -> None:
    plain = ImageSplit(*(Pictures(each.images) for each in (split.train, split.validation, split.test)), name="plain")
    space = feature_space(recipe, run, plain, CPU)
    assert space.distance_name == "Fréchet distance (pixels averaged to 8 x 8)"
    images = split.test.images[:3]
    wanted = images.reshape(3, 8, 4, 8, 4, 3).mean(axis=(2, 4)).reshape(3, -1)
    np.testing.assert_allclose(space.features(images), wanted, rtol=1e-5)


def test_the_classifier_of_a_run_is_trained_once(recipe: GanRecipe, run: RunFolder, split: ImageSplit) -> None:
    first = feature_space(recipe, run, split, CPU)
    weights = (run.path / "classifier" / "classifier.safetensors").stat().st_mtime_ns
    assert feature_space(recipe, run, split, CPU).name == first.name
    assert first.name.startswith("classifier-dcgan32-tiny ")
    assert (run.path / "classifier" / "classifier.safetensors").stat().st_mtime_ns == weights
    assert not (run.path / "log.jsonl").exists()


def _found(value: float) -> GanScores:
    empty = np.zeros((1, 1, 3), np.uint8)
    rows = (
        Comparison("distance", value, None, None, "lower", 50, real=0.5, noise=9.0),
        Comparison("share: of something", 0.25, 0.2, 0.3, "higher", 50, real=math.nan, noise=0.0, chance=0.1),
    )
    probes = tuple(
        ProbeRow(name, accuracy, 0.0, 1.0, 1.0, 10, 20)
        for name, accuracy in (("E(x)", 0.9), ("raw pixels", 0.8), ("noise of", 0.12), ("shuffled labels", 0.11))
    )
    return GanScores("data", "space", 4, 50, rows, (), GanPictures(*[empty] * 5), probes=probes, probe_chance=0.1)


def test_every_figure_stands_beside_its_controls() -> None:
    figures = rows(_found(1.5))
    assert [each.name for each in figures] == [
        "distance", "share: of something", "linear probe on E(x)", "linear probe on raw pixels"
    ]  # fmt: skip
    distance, share, probe, _ = as_scores(figures, "tests")
    assert distance.name == "distance (real pictures: 0.500)"
    assert (distance.value, distance.noise_input, distance.low, distance.n) == (1.5, 9.0, None, 50)
    assert (share.low, share.high, share.chance) == (0.2, 0.3, 0.1)
    assert (probe.chance, probe.noise_input, probe.shuffled_pairing) == (0.1, 0.12, 0.11)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table(figures))
    shown = console.export_text()
    assert "share " in shown
    assert "of something" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_figure_that_is_no_number_is_left_out() -> None:
    assert "distance" not in [each.name for each in rows(_found(math.nan))]
