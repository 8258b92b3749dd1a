"""Targets answer as the network they stand for, whichever door it is opened by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bci_app.contract.errors import SettingsError
from bci_app.inference.image_model import ImageModel
from bci_app.pictures.source import builtin
from models.classifier import Classifier
from tests.training.test_classifier_bundle import ACCURACY
from training.data.images import to_tensor
from training.evaluate.classifier_files import ClassifierCard, save_classifier
from training.evolve_recipe import OnnxTarget, TorchTarget
from training.evolving.targets import activation, read_onnx_target, read_torch_target
from training.settings import ClassifierRecipe, PictureSettings

REFERENCES = PictureSettings(n=20, size=16, families=("shapes",))


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.stack([picture.image for picture in builtin(["shapes"]).sample(np.random.default_rng(1), 4, 16)])


@pytest.fixture(params=[1, 3])
def trained(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Classifier]:
    recipe = ClassifierRecipe(pictures=PictureSettings(size=16, channels=request.param), widths=(4, 8))
    torch.manual_seed(0)
    network = Classifier(request.param, 2, recipe.widths).eval()
    card = ClassifierCard(
        recipe=recipe,
        n_channels=request.param,
        classes=("a", "b"),
        accuracy=ACCURACY,
        data="made",
        commit="",
        command="",
    )
    save_classifier(tmp_path, network, card)
    return tmp_path, network


def test_units_of_a_module_give_what_its_hook_sees(trained: tuple[Path, Classifier], pictures: np.ndarray) -> None:
    folder, network = trained
    wanted = TorchTarget(classifier=str(folder), module="body.2", channels=(5, 1), place=(0, 3), references=REFERENCES)
    target = read_torch_target(wanted, seed=0)
    seen = (
        pictures if network.n_channels == 3 else np.rint(pictures @ (0.299, 0.587, 0.114))[..., None].astype(np.uint8)
    )
    with torch.no_grad():
        maps = network.body(to_tensor(seen)).numpy()
    np.testing.assert_allclose(target.respond(pictures), maps[:, [5, 1], 0, 3], atol=1e-6)
    assert target.units == ("body.2, channel 5, place 0, 3", "body.2, channel 1, place 0, 3")
    np.testing.assert_array_equal(target.references, target.respond(target.images))
    vector = read_torch_target(
        TorchTarget(classifier=str(folder), module="head", channels=(1,), references=REFERENCES), 0
    )
    with torch.no_grad():
        np.testing.assert_allclose(vector.respond(pictures)[:, 0], network(to_tensor(seen))[:, 1], atol=1e-6)


def test_a_hook_is_taken_off_again() -> None:
    network = nn.Sequential(nn.Identity())
    activation(network, "0", torch.zeros(1))
    assert not network[0]._forward_hooks


def test_what_a_network_lacks_is_refused(trained: tuple[Path, Classifier]) -> None:
    folder, _ = trained
    with pytest.raises(SettingsError, match=r"no module 'body.9'; it has body, body.0"):
        read_torch_target(TorchTarget(classifier=str(folder), module="body.9", references=REFERENCES), 0)
    for change in ({"channels": (8,)}, {"place": (0,)}, {"place": (0, 4)}):
        wanted = TorchTarget(classifier=str(folder), module="body.2", references=REFERENCES, **change)
        with pytest.raises(SettingsError, match="gives 8 x 4 x 4, channels first"):
            read_torch_target(wanted, 0)


def test_units_of_an_onnx_model_are_those_of_the_program(pictures: np.ndarray) -> None:
    target = read_onnx_target(OnnxTarget(layer="rectified4", channels=(3, 70), place=(1, 2), references=REFERENCES), 0)
    model = ImageModel.open("bci_app/bundles/classifier64", "cpu")
    wanted = [model.unit("rectified4", channel, (1, 2))(pictures) for channel in (3, 70)]
    np.testing.assert_allclose(target.respond(pictures), np.transpose(wanted), atol=1e-6)
    with pytest.raises(SettingsError, match="no layer 'rectified9'; the nearest are rectified"):
        read_onnx_target(OnnxTarget(layer="rectified9"), 0)


def test_channels_drawn_by_the_seed_are_different_ones() -> None:
    drawn = [
        read_onnx_target(OnnxTarget(layer="features", channels=9, references=REFERENCES), seed).units for seed in (0, 1)
    ]
    assert len(set(drawn[0])) == 9
    assert drawn[0] != drawn[1]
    again = read_onnx_target(OnnxTarget(layer="features", channels=9, references=REFERENCES), 0)
    assert again.units == drawn[0]
