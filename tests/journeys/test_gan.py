"""From a recipe to a picture read from EEG: a GAN is trained, exported, scored, opened, and a decoder learnt for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bci_app.contract.bundle import open_bundle, pack_arrays, write_bundle
from bci_app.inference.generator import Generator
from tests.journeys.conftest import Command
from tests.journeys.test_demo import demo_settings
from training import train_gan
from training.data.images import read_split, to_tensor
from training.gan.checkpoint import restore_averaged
from training.gan.networks import Networks, build
from training.gan_recipe import GanRecipe
from training.run_folder import open_run

TINY = "configs/train/tiny/bigbigan32.yaml"
ALL_AT_ONCE = (
    "pictures.channels=1", "network.width=4", "network.fold=2", "network.self_attention=8", "network.latent_dim=15",
    "evaluation.n_samples=30", "evaluation.classifier_steps=5", "machine.accelerator=cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BigBiGAN in grey with all that its networks can have, trained for some steps."""
    runs = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        assert train_gan.main([TINY, *ALL_AT_ONCE, "--runs", str(runs)]) == 0
    (folder,) = runs.iterdir()
    return folder


@pytest.fixture(scope="module")
def recipe(run: Path) -> GanRecipe:
    return open_run(run, GanRecipe)[1]


@pytest.fixture(scope="module")
def networks(run: Path, recipe: GanRecipe) -> Networks:
    """The averaged networks as they were trained, spectral norms and all."""
    networks = build(recipe)
    restore_averaged(networks, run / "best.safetensors")
    for network in networks.made_by_generator().values():
        network.eval()
    return networks


def test_the_bundle_draws_and_reads_as_the_networks_do(run: Path, recipe: GanRecipe, networks: Networks) -> None:
    opened = Generator.open(run / "bundle", device="cpu")
    images = read_split(recipe.pictures, recipe.seed).test.images
    for n in (1, 2, 40):
        latents = np.random.default_rng(n).normal(size=(n, 15)).astype(np.float32)
        assert networks.encoder is not None
        with torch.no_grad():
            drawn = networks.generator(torch.from_numpy(latents)).permute(0, 2, 3, 1).numpy()
            mean, _ = networks.encoder(to_tensor(images[:n]))
        made = opened.generate(latents)
        assert np.abs(made - np.clip((drawn + 1.0) * 127.5, 0, 255)).max() <= 2.0
        read = opened.encode(np.repeat(images[:n], 3, axis=3))
        np.testing.assert_allclose(read, mean.numpy(), rtol=0, atol=1e-4)
        assert made.std() > 1.0
        assert n == 1 or read.std(axis=0).max() > 1e-3
    assert opened.manifest.golden.atol == 1e-4


def test_the_bundle_and_the_run_tell_scores_beside_their_controls(run: Path) -> None:
    bundle = open_bundle(run / "bundle")
    scores = {score.name.split(":")[0]: score for score in bundle.manifest.metrics}
    assert None not in {score.noise_input for name, score in scores.items() if name != "copies"}
    probe, top = scores["linear probe on E(x)"], scores["pairwise identification by features"]
    for score in (probe, top):
        assert None not in (score.low, score.high, score.chance, score.noise_input, score.shuffled_pairing)
    card = bundle.read("card.md").decode()
    assert "A BigBiGAN, averaged weights of step " in card
    assert "It draws in grey, and reads the luma of a picture." in card
    assert card.count("| linear probe on E(x) |") == 1
    figures = json.loads((run / "scores.json").read_text("utf-8"))
    assert figures["n_test"] == 30
    assert "classifier-bigbigan32-tiny" in figures["space"]
    page = (run / "report.html").read_text("utf-8")
    assert "bigbigan32-tiny" in page
    assert page.count("data:image/png;base64,") >= 5


def test_the_demo_reads_pictures_through_the_gan(run: Path, tmp_path: Path, command: Command) -> None:
    assert command("check", run / "bundle").status == 0
    config = demo_settings(tmp_path / "demo.yaml", run / "bundle")
    outcome = command("demo", "--config", config, "--trials", "2", "--folder", tmp_path / "runs", "--offscreen")
    assert outcome.status == 0, outcome.err
    assert "All 2 trials were read." in outcome.out
    (session,) = (tmp_path / "runs").iterdir()
    decoder, generator = open_bundle(session / "decoder").manifest, open_bundle(run / "bundle").manifest
    assert decoder.latent_space == generator.latent_space
    assert (session / "report.html").read_text("utf-8").count('alt="read from EEG"') == 2


def test_a_generator_without_encoder_is_refused_before_the_demo_begins(
    run: Path, tmp_path: Path, command: Command
) -> None:
    whole = Generator.open(run / "bundle", device="cpu")
    golden = whole.bundle.golden()
    manifest = whole.manifest.model_copy(
        update={"inputs": whole.manifest.inputs[:1], "outputs": whole.manifest.outputs[:1]}
    )
    files = {"generator.onnx": whole.bundle.read("generator.onnx")}
    files["golden.npz"] = pack_arrays(**{key: golden[key] for key in golden if key.startswith("generator.")})
    write_bundle(tmp_path / "only-draws", manifest, files)
    config = demo_settings(tmp_path / "demo.yaml", tmp_path / "only-draws")
    complaint = command("demo", "--config", config, "--folder", tmp_path / "runs", "--offscreen").complaint()
    assert "Bundle 'bigbigan32-tiny' has no encoder" in complaint
