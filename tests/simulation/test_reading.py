"""Reading: what a word evokes is known, any chunking gives it to the bit, and without information nothing tells the words."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.contract.preprocessing import PreprocessingSpec, preprocess_recording
from bci_app.contract.reading import SentenceSpec, SentenceTrials
from bci_app.simulation.noise import BLOCK
from bci_app.simulation.participant import Participant
from bci_app.simulation.reading import BAND_HZ, BEGIN_S, END_S, Reader, WordResponse, simulate_reading_session
from bci_app.simulation.sentences import sentences, vocabulary
from bci_app.simulation.settings import ParticipantSettings, ReadingSettings

READING = ReadingSettings(soa_s=0.4)
SMALL = ParticipantSettings(n_channels=8, sfreq=128.0, drop_out_rate_hz=0.3, reading=READING)
SENTENCES = sentences("SR", 2) + sentences("TSR", 2)


def told(**changes: object) -> ParticipantSettings:
    return SMALL.model_copy(update={"drop_out_rate_hz": 0.0, "reading": READING.model_copy(update=changes)})


@pytest.mark.parametrize("sizes", [[1], [7], [1, 300, 13, 64]])
def test_chunks_of_any_size_give_exactly_the_samples_and_markers_of_the_whole(sizes: list[int]) -> None:
    whole = simulate_reading_session(SMALL, SENTENCES[:2])
    reader = Reader(SMALL, SENTENCES[:2])
    reader.begin()
    parts, markers, done = [], [], 0
    while done < whole.n_times:
        size = min(sizes[len(parts) % len(sizes)], whole.n_times - done)
        data, due = reader.generate(size)
        assert all(done <= marker.time * 128 < done + size for marker in due), "a marker comes with its sample"
        parts.append(data)
        markers += due
        done += size
    assert np.array_equal(np.concatenate(parts, axis=1), whole.data)
    assert tuple(markers) == whole.markers
    assert reader.is_over


def test_a_session_is_cut_into_its_sentences_and_words() -> None:
    session = simulate_reading_session(SMALL, SENTENCES)
    spec = PreprocessingSpec.design(session.channels, session.sfreq, (0.5, 45.0))
    cutter = SentenceTrials(SentenceSpec(word_cut=None), session.sfreq)
    for marker in session.markers:
        cutter.add(marker)
    trials = cutter.due(preprocess_recording(session, spec))
    assert [trial.start.label for trial in trials] == list(SENTENCES)
    assert [trial.text for trial in trials] == list(SENTENCES), "no word was passed over"
    assert not cutter.dropped
    for trial in trials:
        onsets = np.array([word.time for word in trial.words])
        assert np.array_equal(onsets * 128, np.round(onsets * 128)), "words stand on samples"
        steps = np.diff([*onsets, trial.stop.time])
        assert np.abs(steps - READING.soa_s).max() <= READING.jitter_s + 0.5 / 128
        assert np.ptp(steps) > 0


def test_without_information_other_words_give_the_same_samples() -> None:
    blind = told(information=0.0)
    words = [sentence.split() for sentence in sentences("NR", 60)]
    one, other = [" ".join(each) for each in words if len(each) == 10][:2]
    assert one != other
    sessions = [simulate_reading_session(blind, [each]).data for each in (one, other)]
    assert np.array_equal(*sessions)
    seen = [simulate_reading_session(told(), [each]).data for each in (one, other)]
    assert np.abs(seen[0] - seen[1]).max() > 1.0


def test_what_stands_in_the_noise_is_the_response_at_its_words() -> None:
    settings = told(induced_uv=0.0, soa_s=0.6)
    session = simulate_reading_session(settings, ["Julia was born in Rome."])
    noise = Participant(settings).generate(session.n_times)
    wanted = np.zeros(session.data.shape)
    response = WordResponse(settings)
    for marker in session.markers:
        if marker.label.startswith("word/"):
            first = round(marker.time * 128)
            wanted[:, first : first + response.n_times] += response.evoked(marker.label.removeprefix("word/"))
    np.testing.assert_allclose(session.data - noise, wanted, atol=1e-3)
    assert np.abs(wanted).max() > 2.0


def test_the_phase_locked_part_has_the_size_of_the_settings() -> None:
    response = WordResponse(told())
    evoked = np.array([response.evoked(word) for word in vocabulary()])
    lasts = slice(int(np.ceil(BEGIN_S * 128)), int(END_S * 128) + 1)
    assert not evoked[:, :, : lasts.start].any()
    strongest = np.sqrt((evoked[:, :, lasts] ** 2).mean(axis=(0, 2))).max()
    assert strongest == pytest.approx(READING.evoked_uv, rel=0.15), "but for the words being no endless sample"


def test_rhythms_have_the_amplitudes_of_the_truth_in_any_phase() -> None:
    response, phases = WordResponse(told()), np.random.default_rng(0).uniform(0, 2 * np.pi, 8)
    induced = response.respond("film", phases) - response.evoked("film")
    np.testing.assert_allclose(response.respond("film", phases + np.pi) - response.evoked("film"), -induced, atol=1e-9)
    times_s = np.arange(response.n_times) / 128
    edge = np.clip(np.minimum(times_s - 0.1, 0.45 - times_s) / 0.05, 0, 1)
    turns = 2 * np.pi * np.outer(BAND_HZ, times_s)
    waves = np.sin(0.5 * np.pi * edge) ** 2 * np.concatenate([np.cos(turns), np.sin(turns)])
    parts = np.linalg.lstsq(waves.T, induced.T, rcond=None)[0]
    np.testing.assert_allclose(np.hypot(parts[:8], parts[8:]), np.abs(response.amplitudes("film")), atol=1e-6)


def test_rhythms_tell_the_word_by_their_amplitudes_and_not_without_information() -> None:
    told_apart, blind = WordResponse(told()), WordResponse(told(information=0.0))
    assert np.abs(told_apart.amplitudes("film") - told_apart.amplitudes("Rome")).max() > 1.0
    assert np.array_equal(blind.amplitudes("film"), blind.amplitudes("Rome"))
    loudest = np.abs(blind.amplitudes("film")).max(axis=1)
    np.testing.assert_allclose(loudest, READING.induced_uv * np.sqrt(5.0 / BAND_HZ))


def test_participants_understand_the_same_words_with_brains_that_differ() -> None:
    one, other = (WordResponse(told().model_copy(update={"seed": seed})).evoked("film").ravel() for seed in (0, 1))
    assert 0.4 < np.corrcoef(one, other)[0, 1] < 0.99
    alike = [WordResponse(told(shared=1.0).model_copy(update={"seed": seed})).evoked("film") for seed in (0, 1)]
    assert np.array_equal(*alike)


def test_words_passed_over_have_no_marker_and_the_start_still_tells_the_sentence() -> None:
    session = simulate_reading_session(told(omission=1.0), ["The film is dull."])
    assert [marker.label for marker in session.markers] == [
        "sentence/start/The film is dull.",
        "word/film",
        "word/dull.",
        "sentence/stop",
    ]


def test_nothing_is_read_before_it_begins_and_a_session_of_nothing_ends() -> None:
    reader, plain = Reader(SMALL, SENTENCES), Participant(SMALL)
    data, markers = reader.generate(512)
    assert not markers
    assert np.array_equal(data, plain.generate(512))
    assert simulate_reading_session(SMALL, []).n_times == BLOCK


def test_who_does_not_read_is_told_so() -> None:
    with pytest.raises(SettingsError, match="needs `reading` in its settings"):
        simulate_reading_session(ParticipantSettings(), SENTENCES)
    with pytest.raises(SettingsError, match="'xylophone' is none of them"):
        simulate_reading_session(SMALL, ["The xylophone is dull."])
