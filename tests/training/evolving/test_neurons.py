"""A made-up session: what pictures drive is valid, halves do not overlap, judges have seen nothing of the guide's half."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from bci_app.contract.errors import SettingsError
from training.evolve_recipe import EncodingTarget, LayerSettings
from training.evolving.neurons import _halves, left_out_rates, read_neurons
from training.evolving.targets import Target
from training.readers.picture_features import PictureFeatures
from training.readers.rates import fit_rates

N = 90
EARLY = LayerSettings(layers=("rectified2",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Neurons 0 to 3 count the contrast of a quarter of the picture each, 4 to 7 nothing of it."""
    place, rng = tmp_path_factory.mktemp("v4"), np.random.default_rng(0)
    fine = gaussian_filter(rng.standard_normal((N, 64, 64, 3)), (0, 1, 1, 0))
    strength = rng.uniform(0.1, 1, (N, 2, 2)).repeat(32, axis=1).repeat(32, axis=2)[..., np.newaxis]
    shown = np.clip(128 + 300 * strength * fine, 0, 255).astype(np.uint8)
    with zipfile.ZipFile(place / "images_9.zip", "w") as archive:
        for number, image in enumerate(shown):
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "PNG")
            archive.writestr(f"image{number:04d}.png", buffer.getvalue())
    driven = 9 * strength[:, ::32, ::32, 0].reshape(N, 4)
    np.save(
        place / "responses_9.npy", rng.poisson(np.concatenate([driven, np.full((N, 4), 4.0)], axis=1)).T.astype(float)
    )
    return place


@pytest.fixture(scope="module")
def target(folder: Path) -> Target:
    wanted = EncodingTarget(folder=str(folder), guide=EARLY, judge=LayerSettings(layers=("rectified3",)), per_session=8)
    (found,) = read_neurons(wanted, seed=0)
    return found


def test_neurons_that_pictures_drive_are_valid(target: Target) -> None:
    driven = {f"neuron-{number:03d}" for number in range(4)}
    assert len(driven & set(target.units)) >= 3
    assert len(set(target.units) - driven) <= 1
    assert (target.facts["variance explained of photographs not in the fit"] > 0).all()
    assert "8 candidate neurons are valid" in target.notes[1]


def test_every_photograph_has_a_reference_and_two_judges_have_one_too(target: Target) -> None:
    shape = (N, len(target.units))
    assert target.references.shape == shape
    assert [judge.references.shape for judge in target.judges] == [shape, shape]
    assert [judge.respond(target.images[:2]).shape for judge in target.judges] == [(2, shape[1])] * 2
    assert target.respond(target.images[:2]).shape == (2, shape[1])
    assert target.distance is not None
    # half of the photographs are in the guide's fit, at no distance from themselves
    assert np.count_nonzero(target.distance(target.images) < 0.03) == N // 2


def test_halves_have_all_pictures_once_and_equal_ones_on_one_side() -> None:
    pictures = tuple("abcdefgaab")
    one, other = _halves(pictures, seed=1)
    assert sorted([*one, *other]) == list(range(10))
    assert not {pictures[row] for row in one} & {pictures[row] for row in other}


def test_rates_of_photographs_in_the_fit_are_those_predicted_without_them() -> None:
    rng = np.random.default_rng(0)
    features = PictureFeatures((rng.standard_normal((40, 2, 4)).astype(np.float32),))
    counts, fitted = rng.poisson(5.0, (40, 3)).astype(float), np.arange(0, 40, 2)
    model = fit_rates(features.take(fitted), counts[fitted])
    rates = left_out_rates(model, features, fitted)
    np.testing.assert_array_equal(rates[fitted], model.left_out)
    np.testing.assert_array_equal(rates[1::2], model.predict(features)[1::2])


def test_a_session_that_is_not_there_is_refused_and_one_without_valid_neurons_is_left_out(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"sessions in .* are 9; got 10"):
        list(read_neurons(EncodingTarget(folder=str(folder), sessions=("10",)), 0))
    assert list(read_neurons(EncodingTarget(folder=str(folder), guide=EARLY, judge=EARLY, first=8), 0)) == []
