"""Which space is taken, and what a distance in it may be called."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bci_app.contract.errors import BundleCorruptError, PictureError
from bci_app.contract.manifest import Score
from models.classifier import Classifier
from training.data.images import to_tensor
from training.evaluate import feature_space
from training.evaluate.classifier_files import CARD, WEIGHTS, ClassifierCard, load_classifier, save_classifier
from training.evaluate.feature_space import (
    INCEPTION_FILE,
    classifier_space,
    inception_space,
    refuse_other_weights,
    space_of_inception,
)
from training.settings import ClassifierRecipe, PictureSettings

SCORE = Score(name="accuracy", value=0.5, n=2, held_out="nothing")


def _classifier(folder: Path, n_channels: int = 1, seed: int = 0) -> Classifier:
    torch.manual_seed(seed)
    network = Classifier(n_channels, 3, (8, 12)).eval()
    recipe = ClassifierRecipe(name="tiny", pictures=PictureSettings(size=16), widths=(8, 12))
    card = ClassifierCard(
        recipe=recipe, n_channels=n_channels, classes=("a", "b", "c"), accuracy=SCORE, data="x", commit="c", command="d"
    )
    save_classifier(folder, network, card)
    return network


def _images(n: int, size: int = 16, n_channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, n_channels), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _no_inception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))


def test_a_saved_classifier_comes_back_to_the_bit_with_its_card(tmp_path: Path) -> None:
    network, images = _classifier(tmp_path), _images(5)
    loaded = load_classifier(tmp_path)
    with torch.no_grad():
        assert torch.equal(loaded.network(to_tensor(images)), network(to_tensor(images)))
    assert loaded.card.classes == ("a", "b", "c")
    assert loaded.card.accuracy == SCORE
    assert loaded.card.weights_sha256 == hashlib.sha256((tmp_path / WEIGHTS).read_bytes()).hexdigest()
    assert not loaded.network.training


def test_damage_to_a_classifier_is_said(tmp_path: Path) -> None:
    with pytest.raises(BundleCorruptError, match="no card that can be read"):
        load_classifier(tmp_path)
    _classifier(tmp_path)
    card = (tmp_path / CARD).read_text()
    (tmp_path / CARD).write_text(card.replace('"c"\n ]', '"c",\n  "d"\n ]'))
    with pytest.raises(BundleCorruptError, match="must fit the network"):
        load_classifier(tmp_path)
    (tmp_path / CARD).write_text(card)
    content = bytearray((tmp_path / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (tmp_path / WEIGHTS).write_bytes(content)
    with pytest.raises(BundleCorruptError, match="digest"):
        load_classifier(tmp_path)


def test_a_classifiers_space_is_its_penultimate_layer_and_never_called_fid(tmp_path: Path) -> None:
    network, images = _classifier(tmp_path), _images(300)
    space = classifier_space(tmp_path)
    features = space.features(images)
    assert features.shape == (300, 12)
    with torch.no_grad():
        np.testing.assert_allclose(features, network.features(to_tensor(images)).numpy(), atol=1e-5)
        wanted = network(to_tensor(images)).argmax(dim=1).numpy()
    assert space.classify is not None
    np.testing.assert_array_equal(space.classify(features), wanted)
    assert space.distance_name == f"Fréchet distance (features of {space.name})"
    assert "FID" not in space.name + space.distance_name
    assert space.learned


def test_two_classifiers_of_one_recipe_make_two_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    _classifier(tmp_path)
    _classifier(tmp_path / "b", seed=1)
    assert classifier_space(tmp_path).name != classifier_space(tmp_path / "b").name


def test_pictures_of_another_size_or_without_colour_are_fitted(tmp_path: Path) -> None:
    _classifier(tmp_path, n_channels=3)
    space = classifier_space(tmp_path)
    flat = np.full((2, 32, 32, 1), 77, np.uint8)
    np.testing.assert_allclose(
        space.features(flat), space.features(np.full((2, 16, 16, 3), 77, np.uint8)), rtol=1e-4, atol=1e-5
    )


def test_coloured_pictures_are_not_made_grey(tmp_path: Path) -> None:
    _classifier(tmp_path, n_channels=1)
    with pytest.raises(PictureError, match="cannot compare coloured ones"):
        classifier_space(tmp_path).features(_images(2, n_channels=3))


def test_inception_is_not_used_without_its_weights_or_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_space, "find_spec", lambda name: object())
    assert inception_space() is None
    monkeypatch.setattr(feature_space, "find_spec", lambda name: None)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / INCEPTION_FILE).write_bytes(b"x")
    assert inception_space() is None


def test_other_weights_than_the_published_ones_are_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_space, "find_spec", lambda name: object())
    monkeypatch.setattr(feature_space, "_open_inception", lambda path: pytest.fail("opened"))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    path = tmp_path / "hub" / "checkpoints" / INCEPTION_FILE
    path.write_bytes(b"not the weights")
    with pytest.raises(BundleCorruptError, match="must be the published ones"):
        inception_space()
    refuse_other_weights(path, hashlib.sha256(b"not the weights").hexdigest())


class _Bytes(nn.Module):
    """As Inception-v3 takes its input; features are the means of the channels."""

    def forward(self, image: Tensor) -> Tensor:
        assert image.dtype == torch.uint8
        return image.float().mean(dim=(2, 3))


def test_inception_gets_bytes_with_three_channels_and_alone_is_called_fid() -> None:
    space = space_of_inception(_Bytes())
    images = _images(4)
    means = images.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(space.features(images), np.repeat(means[:, None], 3, axis=1), rtol=1e-5)
    assert space.name == "Inception-v3 pool3 (FID)"
    assert space.distance_name.startswith("FID")
    assert space.classify is None


def test_weights_are_looked_for_where_torch_would_put_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variables in ({"TORCH_HOME": str(tmp_path)}, {"XDG_CACHE_HOME": str(tmp_path)}, {}):
        for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert feature_space._hub() == Path(torch.hub.get_dir()) / "checkpoints"
