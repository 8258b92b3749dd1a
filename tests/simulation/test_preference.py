from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import PictureError
from bci_app.pictures.picture import Picture
from bci_app.pictures.source import builtin
from bci_app.simulation.cortex import RESPONSE_S, features
from bci_app.simulation.participant import Participant, simulate_session
from bci_app.simulation.preference import Preference, hidden_picture
from bci_app.simulation.settings import ParticipantSettings, PreferenceSettings, read_settings

STEADY = PreferenceSettings(variability=0.0)
SMALL = ParticipantSettings(n_channels=16)


@pytest.fixture(scope="module")
def pictures() -> tuple[Picture, ...]:
    return builtin().sample(np.random.default_rng(11), 30)


def preference(settings: PreferenceSettings = STEADY, n_channels: int = 64) -> Preference:
    made = Participant(ParticipantSettings(n_channels=n_channels, preference=settings)).preference
    assert made is not None
    return made


def test_a_preference_of_no_size_leaves_every_sample_as_it_is_without_one(pictures: tuple[Picture, ...]) -> None:
    onsets = 0.5 + 0.4 * np.arange(6)
    nothing = SMALL.model_copy(update={"preference": PreferenceSettings(amplitude_uv=0.0)})
    plain, with_nothing = (simulate_session(settings, pictures[:6], onsets).data for settings in (SMALL, nothing))
    assert np.array_equal(plain, with_nothing)


def test_what_a_preference_adds_is_the_sum_of_its_responses(pictures: tuple[Picture, ...]) -> None:
    onsets, settings = np.array([0.5, 0.75, 1.5]), SMALL.model_copy(update={"preference": STEADY})
    shown = (hidden_picture(STEADY), *pictures[:2])
    plain, preferring = (simulate_session(each, shown, onsets).data for each in (SMALL, settings))
    truth = preference(n_channels=16)
    expected = np.zeros(plain.shape)
    for picture, onset in zip(shown, onsets, strict=True):
        response = truth.evoked(picture)
        first = int(onset * 256)
        expected[:, first : first + response.shape[1]] += response
    np.testing.assert_allclose(preferring - plain, expected, atol=1e-4)


def test_the_similarity_is_the_cosine_of_the_features(pictures: tuple[Picture, ...]) -> None:
    truth = preference()
    hidden = features(truth.picture)
    assert truth.similarity(truth.picture) == pytest.approx(1.0)
    for picture, similarity in zip(pictures, truth.similarities(pictures), strict=True):
        seen = features(picture)
        assert similarity == pytest.approx(seen @ hidden / np.sqrt((seen @ seen) * (hidden @ hidden)))
        assert -1.0 <= similarity < 1.0


def test_the_response_grows_with_the_similarity_and_saturates(pictures: tuple[Picture, ...]) -> None:
    truth = preference()
    similarity = truth.similarities(pictures)
    sizes = np.array([truth.size_uv(picture) for picture in pictures])
    assert not sizes[similarity <= 0].any()
    assert (similarity <= 0).any()
    order = np.argsort(similarity)
    assert (np.diff(sizes[order][similarity[order] > 0]) > 0).all()
    assert sizes.max() < truth.size_uv(truth.picture) < STEADY.amplitude_uv
    sharp = preference(PreferenceSettings(width=0.01))
    assert sharp.size_uv(sharp.picture) == pytest.approx(STEADY.amplitude_uv)


def test_the_response_is_late_parietal_and_as_large_as_asked() -> None:
    truth = preference()
    response = truth.evoked(truth.picture)
    participant = Participant(ParticipantSettings())
    strongest, peak = np.unravel_index(np.argmax(response), response.shape)
    assert participant.channels[strongest] == "Pz"
    assert peak / 256.0 == pytest.approx(0.45, abs=0.005)
    assert response.max() == pytest.approx(truth.size_uv(truth.picture), rel=1e-3)
    at_pz = response[strongest]
    late = slice(round(0.3 * 256), round(0.6 * 256))
    assert at_pz[late].sum() > 0.9 * at_pz.sum()
    assert not at_pz[0]
    assert at_pz[-1] < 0.01


def test_a_picture_between_two_samples_is_answered_later() -> None:
    truth = preference()
    whole, later = (truth.evoked(truth.picture, lag)[0] for lag in (0.0, 0.5 / 256.0))
    np.testing.assert_allclose(later[1:], (whole[1:] + whole[:-1]) / 2, atol=1e-2)


def test_single_responses_vary_as_asked_round_their_mean() -> None:
    truth = preference(PreferenceSettings(variability=0.3), n_channels=4)
    peaks = np.array([np.abs(truth.evoked(truth.picture)).max() for _ in range(400)])
    mean = truth.size_uv(truth.picture)
    assert peaks.mean() == pytest.approx(mean, rel=0.06)
    assert peaks.std() == pytest.approx(0.3 * mean, rel=0.15)


def test_the_hidden_picture_follows_from_the_seed_or_comes_from_a_file(tmp_path: Path) -> None:
    first, again, other = (hidden_picture(PreferenceSettings(seed=seed)) for seed in (3, 3, 4))
    assert first == again != other
    file = tmp_path / "wanted.png"
    Image.fromarray(np.asarray(first.image)).save(file)
    np.testing.assert_array_equal(hidden_picture(PreferenceSettings(seed=4, file=file)).image, first.image)
    with pytest.raises(PictureError, match="gone"):
        hidden_picture(PreferenceSettings(file=tmp_path / "gone.png"))


def test_a_preference_survives_the_way_through_json(tmp_path: Path) -> None:
    settings = ParticipantSettings(preference=PreferenceSettings(seed=2, file=tmp_path / "wanted.png", width=0.2))
    assert read_settings(settings.model_dump_json()) == settings


def test_the_response_ends_with_the_response_of_the_visual_areas() -> None:
    assert preference().evoked(hidden_picture(STEADY)).shape[1] == round(RESPONSE_S * 256.0)
