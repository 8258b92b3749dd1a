"""Sentences by their markers: each once, whole, and none across a gap."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.contract.reading import SentenceSpec, SentenceTrials
from bci_app.contract.signal import Marker
from bci_app.contract.windowing import ArrayStore, TrialSpec

SFREQ = 100.0
WORDS = SentenceSpec(word_cut=TrialSpec(start_s=0.1, stop_s=0.3), max_words=4, max_s=5.0)
WAVES = SentenceSpec(word_cut=None, max_s=5.0)


def store_of(n: int, gaps: tuple[int, ...] = ()) -> ArrayStore:
    """Every sample holds its own number; a gap lasts 0.3 s."""
    times = np.arange(n) / SFREQ
    for gap in gaps:
        times[gap:] += 0.3
    return ArrayStore(np.arange(n, dtype=np.float32)[None], times, SFREQ, gaps)


def sentence(at_s: float, words: tuple[str, ...], soa_s: float = 0.5, text: str = "") -> list[Marker]:
    spoken = [Marker(at_s + soa_s * (i + 1), f"word/{word}") for i, word in enumerate(words)]
    stop = Marker(at_s + soa_s * (len(words) + 1), "sentence/stop")
    return [Marker(at_s, f"sentence/start{text and '/' + text}"), *spoken, stop]


def cut(spec: SentenceSpec, markers: list[Marker], store: ArrayStore, **extra: int) -> SentenceTrials:
    trials = SentenceTrials(spec, SFREQ, **extra)
    for marker in markers:
        trials.add(marker)
    return trials


def test_a_window_is_cut_for_each_word_and_the_words_are_told() -> None:
    trials = cut(WORDS, sentence(1.0, ("the", "cat", "sat")), store_of(0))
    (found,) = trials.due(store_of(400))
    assert found.data.shape == (3, 1, 20)
    np.testing.assert_array_equal(found.data[:, 0, 0], [160, 210, 260])
    assert found.text == "the cat sat"
    assert found.sampled_s == pytest.approx(2.79)
    assert trials.pending == ()
    assert trials.dropped == []


def test_without_windows_of_words_the_whole_stretch_is_cut_and_the_start_tells_the_text() -> None:
    trials = cut(WAVES, sentence(1.0, (), soa_s=1.3, text="The cat sat."), store_of(0))
    (found,) = trials.due(store_of(400))
    np.testing.assert_array_equal(found.data, np.arange(100, 230, dtype=np.float32)[None])
    assert found.text == "The cat sat."


@pytest.mark.parametrize(
    ("told", "shown"), [("The cat sat down.", "The cat sat down."), ("17", "cat sat"), ("", "cat sat")]
)
def test_a_start_that_tells_the_sentence_counts_more_than_the_words_looked_at(told: str, shown: str) -> None:
    (found,) = cut(WORDS, sentence(1.0, ("cat", "sat"), text=told), store_of(0)).due(store_of(400))
    assert found.text == shown


@pytest.mark.parametrize("spec", [WORDS, WAVES])
def test_a_sentence_waits_for_its_last_sample_and_comes_once(spec: SentenceSpec) -> None:
    markers = sentence(1.0, ("a", "b"))  # the last window lies at 2.1 to 2.3 s, the stop at 2.5 s
    last = 230 if spec is WORDS else 250
    trials = cut(spec, markers, store_of(0))
    assert trials.due(store_of(last - 1)) == []
    assert [marker.time for marker in trials.pending] == [1.0]
    assert len(trials.due(store_of(last))) == 1
    assert trials.due(store_of(500)) == []


@pytest.mark.parametrize(
    ("markers", "gaps", "reason"),
    [
        (sentence(1.0, ("a", "b", "c", "d", "e"), 0.1), (), "5 words; the model reads up to 4"),
        (sentence(1.0, ()), (), "no word was marked"),
        (sentence(1.0, ("a", "b"), 2.0), (), "lasts 6 s"),
        (sentence(1.0, ("a", "b")), (165,), "samples are missing inside"),
        ([*sentence(1.0, ("a",))[:-1], *sentence(2.0, ("b",))], (), "another sentence started"),
    ],
)
def test_a_sentence_that_cannot_be_read_is_dropped_with_the_reason(
    markers: list[Marker], gaps: tuple[int, ...], reason: str
) -> None:
    trials = cut(WORDS, markers, store_of(0))
    found = trials.due(store_of(900, gaps))
    assert len(found) == (1 if "another" in reason else 0)
    ((marker, said),) = trials.dropped
    assert marker.time == 1.0
    assert reason in said


def test_what_is_left_when_the_session_ends_is_told() -> None:
    trials = cut(WORDS, [*sentence(1.0, ("a",)), *sentence(3.0, ("b",))[:-1]], store_of(0))
    trials.drop_pending("the session ended")
    assert [(marker.time, reason) for marker, reason in trials.dropped] == [
        (1.0, "the session ended"),
        (3.0, "the session ended"),
    ]
    assert trials.pending == ()


@pytest.mark.parametrize("decimation", [1, 2, 4])
@pytest.mark.parametrize("error_s", [-2e-4, 2e-4])
def test_a_clock_error_changes_neither_beginning_nor_length(decimation: int, error_s: float) -> None:
    raw_s = 1 / (SFREQ * decimation)
    for n_raw in range(40, 40 + decimation):
        lengths = []
        for error in (0.0, error_s):
            markers = [Marker(1.0 + error, "sentence/start"), Marker(1.0 + n_raw * raw_s - error, "sentence/stop")]
            (found,) = cut(WAVES, markers, store_of(0), decimation=decimation).due(store_of(400))
            lengths.append((found.data[0, 0], found.data.shape))
        assert lengths[0] == lengths[1]


def test_labels_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(SettingsError, match="told apart"):
        SentenceSpec(start="sentence", stop="sentence/stop")
