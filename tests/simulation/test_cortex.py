from __future__ import annotations

import numpy as np
import pytest

from bci_app.pictures.picture import MID_GREY, make_picture
from bci_app.pictures.shapes import shape_picture
from bci_app.pictures.source import builtin
from bci_app.simulation.cortex import ONSET_S, Cortex, features, reference_pictures
from bci_app.simulation.features import FEATURE_SIZE, feature_map, raw_features
from bci_app.simulation.participant import Participant
from bci_app.simulation.settings import ParticipantSettings


@pytest.fixture(scope="module")
def cortex() -> Cortex:
    return Participant(ParticipantSettings(n_channels=16)).cortex


def one_bright_cell(x: float, y: float) -> np.ndarray:
    """Grey but for a white spot at (x right, y up), -1 to 1."""
    image = np.full((FEATURE_SIZE, FEATURE_SIZE, 3), MID_GREY, dtype=np.uint8)
    column, row = (int((value + 1) / 2 * FEATURE_SIZE) for value in (x, -y))
    image[row - 3 : row + 3, column - 3 : column + 3] = 255
    return image


@pytest.mark.parametrize(("x", "y"), [(0.6, 0.6), (-0.4, 0.1), (0.1, -0.85)])
def test_a_bright_spot_drives_the_cell_of_its_place_most(x: float, y: float) -> None:
    layout = feature_map()
    raw = raw_features(one_bright_cell(x, y))
    brightness = np.flatnonzero(np.array(layout.area) == "V1")[:64]
    place = layout.field[brightness[np.argmax(raw[brightness])]]
    assert np.abs(place - [x, y]).max() < 0.26


def test_the_four_orientations_each_prefer_their_own_grating() -> None:
    rows, columns = np.indices((FEATURE_SIZE, FEATURE_SIZE))
    energy = np.zeros((4, 4))
    for index, angle in enumerate(np.deg2rad([0.0, 45.0, 90.0, 135.0])):
        wave = np.sin(2 * np.pi * (np.cos(angle) * columns + np.sin(angle) * rows) / 16)
        image = np.rint(MID_GREY + 100 * np.repeat(wave[:, :, None], 3, axis=2)).astype(np.uint8)
        v2 = raw_features(image)[np.array(feature_map().area) == "V2"].reshape(4, 16)
        energy[index] = v2.mean(axis=1)
    assert (energy.argmax(axis=1) == np.arange(4)).all()


def test_red_and_green_pull_the_opponent_features_apart_but_grey_does_neither() -> None:
    v4 = np.array(feature_map().area) == "V4"
    red, green = (raw_features(shape_picture("square", colour).image)[v4][:9] for colour in ("red", "green"))
    assert red[4] > 0.5
    assert green[4] < -0.5
    assert not raw_features(np.full((64, 64, 3), MID_GREY, np.uint8))[v4].any()


def test_features_hardly_depend_on_the_resolution_of_the_picture() -> None:
    coarse, fine = (features(shape_picture("plus", "cyan", size)) for size in (64, 256))
    assert np.corrcoef(coarse, fine)[0, 1] > 0.995


def test_features_are_standardised_over_the_reference_pictures() -> None:
    standardised = np.array([features(picture) for picture in reference_pictures()])
    np.testing.assert_allclose(standardised.mean(axis=0), 0.0, atol=1e-9)
    assert (standardised.std(axis=0) <= 1.0 + 1e-9).all()
    assert np.median(standardised.std(axis=0)) == pytest.approx(1.0)


def test_the_response_is_linear_in_the_features(cortex: Cortex) -> None:
    one, two = (features(picture) for picture in builtin().sample(np.random.default_rng(0), 2))
    common = cortex.respond(np.zeros_like(one))
    mixed = cortex.respond(0.3 * one - 1.7 * two)
    expected = 0.3 * (cortex.respond(one) - common) - 1.7 * (cortex.respond(two) - common) + common
    np.testing.assert_allclose(mixed, expected, atol=1e-9)
    np.testing.assert_allclose(cortex.specific(one) + common, cortex.respond(one), atol=1e-9)


def test_nothing_answers_before_the_first_50_ms(cortex: Cortex) -> None:
    response = cortex.evoked(shape_picture("square", "white"))
    quiet = int(ONSET_S * 256.0)
    assert not response[:, : quiet + 1].any()
    assert np.abs(response[:, quiet + 5 :]).max() > 1.0
    assert np.abs(response[:, -1]).max() < 1e-3, "it has faded out at the end"


def test_a_shared_response_peaks_at_the_asked_size() -> None:
    cortex = Participant(ParticipantSettings(n_channels=16, evoked_uv=4.0)).cortex
    assert np.abs(cortex.respond(np.zeros(len(feature_map().area)))).max() == pytest.approx(4.0, rel=0.02)


@pytest.mark.parametrize("part", [0.25, 0.5, 0.9])
def test_a_picture_between_two_samples_is_answered_between_them(cortex: Cortex, part: float) -> None:
    picture = shape_picture("x", "red")
    whole, later = cortex.evoked(picture), cortex.evoked(picture, part / 256.0)
    spectrum = np.fft.rfft(np.pad(whole, ((0, 0), (0, 800))), axis=1)
    turns = np.exp(-2j * np.pi * np.fft.rfftfreq(whole.shape[1] + 800) * part)
    shifted = np.fft.irfft(spectrum * turns, whole.shape[1] + 800, axis=1)[:, : whole.shape[1]]
    np.testing.assert_allclose(later, shifted, atol=0.02 * np.abs(whole).max())


def test_opposite_visual_fields_answer_in_opposite_hemispheres() -> None:
    participant = Participant(ParticipantSettings())
    left, right = (make_picture(one_bright_cell(x, 0.0), "spot", "spot") for x in (-0.7, 0.7))
    difference = participant.cortex.evoked(left) - participant.cortex.evoked(right)
    power = (difference**2).sum(axis=1)
    side = participant.electrodes[:, 0]
    posterior = participant.electrodes[:, 1] < -0.5
    assert power[posterior & (np.abs(side) > 0.2)].mean() > power[~posterior].mean()
