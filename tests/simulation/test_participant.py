from __future__ import annotations

import logging

import numpy as np
import pytest
from scipy import signal

from bci_app.contract.errors import PictureError, SettingsError
from bci_app.contract.identification import pairwise_identification
from bci_app.pictures.picture import Picture
from bci_app.pictures.source import builtin
from bci_app.simulation.cortex import features, reference_pictures
from bci_app.simulation.noise import BLOCK
from bci_app.simulation.participant import Participant, simulate_session
from bci_app.simulation.settings import ParticipantSettings

SMALL = ParticipantSettings(n_channels=8, drop_out_rate_hz=0.3, pop_rate_hz=0.3)


@pytest.fixture(scope="module")
def pictures() -> tuple[Picture, ...]:
    return builtin().sample(np.random.default_rng(11), 12)


@pytest.mark.parametrize("sizes", [[1], [7], [BLOCK], [1, 300, 13, 64]])
def test_chunks_of_any_size_give_exactly_the_samples_of_the_whole(
    sizes: list[int], pictures: tuple[Picture, ...]
) -> None:
    onsets = 0.5 + 0.4003 * np.arange(len(pictures))
    whole = simulate_session(SMALL, pictures, onsets, duration_s=6.0).data
    participant = Participant(SMALL)
    for picture, onset in zip(pictures, onsets, strict=True):
        participant.see(picture)
        assert participant.shown(picture.id, onset)
    parts, done = [], 0
    while done < whole.shape[1]:
        size = min(sizes[len(parts) % len(sizes)], whole.shape[1] - done)
        parts.append(participant.generate(size))
        done += size
    assert np.array_equal(np.concatenate(parts, axis=1), whole)


def test_the_same_seed_gives_the_same_session_and_another_seed_another(pictures: tuple[Picture, ...]) -> None:
    onsets = np.arange(len(pictures)) + 0.5
    first, again = (simulate_session(SMALL, pictures, onsets).data for _ in range(2))
    other = simulate_session(SMALL.model_copy(update={"seed": 1}), pictures, onsets).data
    assert np.array_equal(first, again)
    assert np.abs(np.corrcoef(first[0], other[0])[0, 1]) < 0.3


def test_another_session_is_the_same_brain_in_other_noise(pictures: tuple[Picture, ...]) -> None:
    first, second = (Participant(SMALL.model_copy(update={"session": number})) for number in (0, 1))
    assert np.array_equal(first.cortex.evoked(pictures[0]), second.cortex.evoked(pictures[0]))
    assert np.abs(np.corrcoef(first.generate(2560)[0], second.generate(2560)[0])[0, 1]) < 0.3


def test_a_session_carries_its_markers_channels_rate_and_length(pictures: tuple[Picture, ...]) -> None:
    onsets = [2.0, 1.0, 3.5]
    told: list[tuple[int, int]] = []
    session = simulate_session(SMALL, pictures[:3], onsets, 5.0, progress=lambda *done: told.append(done))
    assert [(marker.time, marker.label) for marker in session.markers] == [
        (1.0, pictures[1].id),
        (2.0, pictures[0].id),
        (3.5, pictures[2].id),
    ]
    assert session.data.shape == (8, 5 * 256)
    assert session.data.dtype == np.float32
    assert session.sfreq == 256.0
    assert len(session.channels) == 8
    np.testing.assert_allclose(np.diff(session.times), 1 / 256.0, rtol=1e-9)
    assert told[-1] == (1280, 1280)


def test_the_average_over_many_repeats_converges_to_the_truth(pictures: tuple[Picture, ...]) -> None:
    settings = ParticipantSettings(n_channels=8, blink_rate_hz=0.0, pop_rate_hz=0.0, alpha_uv=0.0, line_uv=0.0)
    n = 300
    session = simulate_session(settings, [pictures[0]] * n, 0.5 + np.arange(n) * 1.0)
    starts = [int((0.5 + k) * 256) for k in range(n)]
    trials = np.stack([session.data[:, first : first + 204] for first in starts]).astype(float)
    truth = Participant(settings).cortex.evoked(pictures[0])[:, :204]
    error = trials.mean(axis=0) - trials.mean(axis=(0, 2), keepdims=True)[0] - (truth - truth.mean(1, keepdims=True))
    assert np.sqrt((error**2).mean()) < 1.5 * 10.0 / np.sqrt(n), "what is left is the noise of the average"
    assert np.corrcoef(trials.mean(axis=0).ravel(), truth.ravel())[0, 1] > 0.9


def test_a_response_between_samples_lies_at_its_own_time(pictures: tuple[Picture, ...]) -> None:
    loud = ParticipantSettings(n_channels=8)
    at = 1.0 + 0.3 / 256.0
    with_picture = simulate_session(loud, pictures[:1], [at], 3.0).data.astype(float)
    without = simulate_session(loud, [], [], 3.0).data
    truth = Participant(loud).cortex.evoked(pictures[0], 0.3 / 256.0)
    answer = (with_picture - without)[:, 256 : 256 + truth.shape[1]]
    np.testing.assert_allclose(answer, truth, atol=1e-3)


@pytest.mark.parametrize("snr", [0.2, 1.5])
def test_the_signal_to_noise_ratio_is_what_its_definition_says(snr: float) -> None:
    settings = ParticipantSettings(snr=snr, line_uv=0.0, blink_rate_hz=0.0, pop_rate_hz=0.0, n_channels=32)
    participant = Participant(settings)
    responses = np.array([participant.cortex.specific(features(picture)) for picture in reference_pictures()])
    power = (responses[:, :, 13:128] ** 2).mean(axis=(0, 2))  # 50 to 500 ms at 256 Hz
    strong = power > np.median(power)
    noise = participant.generate(256 * 120).astype(float)
    hz, density = signal.welch(noise[strong], 256.0, nperseg=2048)
    in_band = density[:, (hz >= 1.0) & (hz <= 40.0)].sum(axis=1) * (hz[1] - hz[0])
    assert np.sqrt(power[strong].mean() / in_band.mean()) == pytest.approx(snr, rel=0.05)


def test_values_look_like_microvolts_of_a_scalp() -> None:
    data = Participant(ParticipantSettings()).generate(256 * 20)
    assert 7.0 < np.median(data.std(axis=1)) < 20.0
    assert np.abs(data).max() < 400.0


def test_an_unknown_picture_is_warned_about_once_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    participant = Participant(SMALL)
    with caplog.at_level(logging.WARNING):
        assert not participant.shown("shapes/never/000000000000", 0.0)
        assert not participant.shown("shapes/never/000000000000", 1.0)
    assert caplog.text.count("never seen") == 1
    assert np.array_equal(participant.generate(256), Participant(SMALL).generate(256))


def test_a_marker_within_50_ms_loses_nothing_and_a_later_one_is_logged(
    pictures: tuple[Picture, ...], caplog: pytest.LogCaptureFixture
) -> None:
    in_time, prompt, late = (Participant(SMALL) for _ in range(3))
    for participant in (in_time, prompt, late):
        participant.see(pictures[0])
    prompt.shown(pictures[0].id, 0.5)
    in_time.generate(128 + 12)
    late.generate(128 + 40)
    with caplog.at_level(logging.WARNING):
        in_time.shown(pictures[0].id, 0.5)
        assert not caplog.records
        late.shown(pictures[0].id, 0.5)
    assert "too late" in caplog.text
    whole = prompt.generate(512)
    assert np.array_equal(in_time.generate(512 - 140), whole[:, 140:])
    assert np.array_equal(late.generate(512 - 168), whole[:, 168:])


def test_sessions_that_cannot_be_meant_are_refused(pictures: tuple[Picture, ...]) -> None:
    with pytest.raises(PictureError, match="one onset"):
        simulate_session(SMALL, pictures[:2], [1.0])
    with pytest.raises(SettingsError, match="Onsets lie between"):
        simulate_session(SMALL, pictures[:1], [-1.0])
    with pytest.raises(SettingsError, match="Onsets lie between"):
        simulate_session(SMALL, pictures[:1], [9.0], duration_s=5.0)


def read_features(shuffled: bool, snr: float) -> float:
    """Pairwise identification by the plainest ridge decoder; the truth is known, so is what to expect."""
    n_train, n_test = 200, 60
    shown = builtin().sample(np.random.default_rng(3), n_train + n_test)
    settings = ParticipantSettings(n_channels=16, snr=snr)
    session = simulate_session(settings, shown, 1.0 + 1.0 * np.arange(len(shown)))
    sos = signal.butter(2, (1.0, 40.0), "bandpass", fs=256.0, output="sos")
    data = signal.sosfilt(sos, session.data - session.data.mean(axis=0), axis=1)
    starts = [256 * (1 + k) for k in range(len(shown))]
    trials = np.stack([data[:, first : first + 180].reshape(16, 30, 6).mean(axis=2).ravel() for first in starts])
    target = np.array([features(picture) for picture in shown])
    order = np.random.default_rng(0).permutation(n_train) if shuffled else np.arange(n_train)
    x, y = trials[:n_train] - trials[:n_train].mean(axis=0), target[order]
    centre = y.mean(axis=0)
    kernel = x @ x.T
    weights = x.T @ np.linalg.solve(kernel + np.trace(kernel) / n_train * np.eye(n_train), y - centre)
    predicted = (trials[n_train:] - trials[:n_train].mean(axis=0)) @ weights + centre
    return float(pairwise_identification(predicted, target[n_train:], centre).mean())


def test_a_ridge_decoder_reads_the_picture_and_a_shuffled_one_does_not() -> None:
    read, control = read_features(shuffled=False, snr=0.8), read_features(shuffled=True, snr=0.8)
    assert read > 0.8
    assert 0.3 < control < 0.68 < read


def test_without_a_picture_specific_response_nothing_can_be_read() -> None:
    assert 0.35 < read_features(shuffled=False, snr=0.0) < 0.65
