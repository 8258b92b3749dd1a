"""Sentences are numbered as they begin, read as soon as they are whole, and noise is read in their place."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import SignalError
from bci_app.contract.preprocessing import preprocess_recording
from bci_app.contract.reading import SentenceSpec
from bci_app.contract.signal import Chunk, Marker, Recording
from bci_app.engine.events import WordRead
from bci_app.engine.live_text import (
    NumberedSentences,
    Sentence,
    SentenceDecoding,
    SentenceMarkers,
    SentenceReading,
    TextHooks,
    TextReader,
)
from bci_app.engine.text_offline import read_text_offline
from bci_app.engine.text_plan import live_spec
from bci_app.inference.text import ReadText, TextDecoder
from bci_app.streams.ring import Ring
from tests.sentences import CHANNELS, SHOWN, reading_recording, sentence_markers
from tests.tiny import tiny_text_bundle


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> TextDecoder:
    return TextDecoder.open(tiny_text_bundle(tmp_path_factory.mktemp("text") / "windows"))


class Told:
    """What the hooks were told, in order."""

    def __init__(self) -> None:
        self.everything: list[tuple[str, object]] = []
        self.words: list[WordRead] = []
        self.hooks = TextHooks(self._word, self._read, self._twin, self._dropped, self._ended, self._failed)

    def _word(self, word: WordRead) -> None:
        self.words.append(word)
        self.everything.append(("word", word.number))

    def _read(self, reading: SentenceReading) -> None:
        self.everything.append(("read", reading.sentence.number))

    def _twin(self, reading: SentenceReading, noise: ReadText) -> None:
        self.everything.append(("twin", reading.sentence.number))

    def _dropped(self, number: int, reason: str) -> None:
        self.everything.append((f"dropped: {reason}", number))

    def _ended(self, reason: str) -> None:
        self.everything.append(("ended", reason))

    def _failed(self, message: str) -> None:
        raise AssertionError(message)


def decoding(
    decoder: TextDecoder, told: Told, limit: int | None = None, reader: TextReader | None = None
) -> tuple[SentenceDecoding, Ring]:
    """The thread, not started, and an empty ring that it reads from."""
    spec = live_spec(decoder.manifest)
    ring = Ring(len(CHANNELS), spec.output_sfreq, 60.0)
    sentences = NumberedSentences(decoder.manifest.sentence, ring.sfreq, spec.decimation)
    return SentenceDecoding(
        sentences, ring, reader or TextReader(decoder, lambda: 5.0, seed=3), told.hooks, limit
    ), ring


def pour(recording: Recording, decoder: TextDecoder, ring: Ring) -> None:
    """The whole preprocessed recording into the ring."""
    store = preprocess_recording(recording, live_spec(decoder.manifest))
    ring.write(Chunk(store.data, store.times, 0, 4.0))


def hear(worker: SentenceDecoding, decoder: TextDecoder, markers: tuple[Marker, ...], heard_s: float = 4.5) -> None:
    ear = SentenceMarkers(decoder.manifest.sentence)
    for marker in markers:
        worker.add(ear.hear(marker, heard_s))


def test_markers_are_told_by_what_they_begin_with() -> None:
    ear = SentenceMarkers(SentenceSpec())
    labels = ("word/stray", "sentence/start/A cat.", "word/A", "word/", "blink", "sentence/stop", "sentence/start")
    heard = [ear.hear(Marker(0.0, label)) for label in labels]
    assert [each.number for each in heard] == [-1, 0, 0, 0, 0, 0, 1]
    assert [each.part for each in heard] == ["word", "start", "word", "word", "other", "stop", "start"]
    assert [each.said for each in heard] == ["stray", "A cat.", "A", "", "blink", "", ""]
    assert [each.belongs for each in heard] == [False, True, True, True, True, True, True]
    after = [ear.hear(Marker(0.0, label)).belongs for label in ("sentence/stop", "sentence/stop", "word/", "blink")]
    assert after == [True, False, False, False]


def test_a_number_stays_with_its_sentence_when_others_are_not_cut(windows: TextDecoder) -> None:
    spec = windows.manifest.sentence
    sentences, ear = NumberedSentences(spec, 64.0, 2), SentenceMarkers(spec)
    first = Marker(1.0, "sentence/start")
    markers = (first, first, *sentence_markers(SHOWN[:2], start_s=2.0))
    for marker in markers:
        sentences.add(ear.hear(marker))
    store = preprocess_recording(reading_recording(SHOWN), live_spec(windows.manifest))
    assert [each.number for each in sentences.due(store)] == [2, 3]
    assert [number for number, _ in sentences.take_dropped()] == [0, 1]
    assert sentences.take_dropped() == []


def test_each_sentence_is_read_then_noise_in_its_place_then_the_end_is_told(windows: TextDecoder) -> None:
    told, recording = Told(), reading_recording(SHOWN[:2])
    worker, ring = decoding(windows, told)
    hear(worker, windows, recording.markers)
    pour(recording, windows, ring)
    worker.finish("The recording has ended.")
    while worker.step():
        pass
    n_words = [len(each.result.words) for each in read_text_offline(recording, windows).readings]
    expected: list[tuple[str, object]] = []
    for number in (0, 1):
        expected += [("word", number)] * n_words[number] + [("read", number), ("twin", number)]
    assert told.everything == [*expected, ("ended", "The recording has ended.")]
    first = told.words[0]
    assert (first.n_words, first.arrived_s, first.complete_s, first.cut_s, first.read_s) == (1, 4.0, 4.5, 5.0, 5.0)
    texts = [word.text for word in told.words if word.number == 0]
    assert [len(text.split()) for text in texts] == list(range(1, n_words[0] + 1))


def test_the_thread_ends_after_as_many_sentences_as_were_asked_for(windows: TextDecoder) -> None:
    told, recording = Told(), reading_recording(SHOWN[:3])
    worker, ring = decoding(windows, told, limit=2)
    hear(worker, windows, recording.markers)
    pour(recording, windows, ring)
    while worker.step():
        pass
    assert [number for what, number in told.everything if what == "twin"] == [0, 1]
    assert told.everything[-1] == ("ended", "All sentences asked for were read (2).")
    worker.close()
    assert told.everything[-1] == ("dropped: the session ended before it was read", 2)


def test_a_last_marker_that_comes_after_the_last_sample_is_not_waited_beside(windows: TextDecoder) -> None:
    told, recording, ear = Told(), reading_recording(SHOWN[:1]), SentenceMarkers(windows.manifest.sentence)
    worker, ring = decoding(windows, told)
    *before, stop = (ear.hear(marker) for marker in recording.markers)
    for heard in before:
        worker.add(heard)
    pour(recording, windows, ring)
    worker.step()
    asked: list[bool] = []

    def wait_newer(index: int, timeout_s: float, or_if: Callable[[], bool]) -> bool:
        asked.append(or_if())
        worker.add(stop)
        asked.append(or_if())
        return True

    ring.wait_newer = wait_newer  # type: ignore[method-assign, assignment]
    worker.step()
    assert asked == [False, True]
    assert told.everything[-1] == ("twin", 0)


def test_a_sentence_that_the_model_refuses_is_told_and_the_next_one_is_read(windows: TextDecoder) -> None:
    class Refusing(TextReader):
        def read(self, sentence: Sentence, on_word: Callable[[WordRead], None] = lambda word: None) -> SentenceReading:
            if sentence.number == 0:
                raise SignalError("it must be shorter")
            return super().read(sentence, on_word)

    told, recording = Told(), reading_recording(SHOWN[:2])
    worker, ring = decoding(windows, told, reader=Refusing(windows, lambda: 5.0))
    hear(worker, windows, recording.markers)
    pour(recording, windows, ring)
    for _ in range(2):
        worker.step()
    assert told.everything[0] == ("dropped: it must be shorter", 0)
    assert told.everything[-1] == ("twin", 1)


def test_a_stop_in_the_middle_of_a_sentence_is_heard_at_the_next_word(windows: TextDecoder) -> None:
    told, recording, speaking = Told(), reading_recording(SHOWN[:2]), threading.Event()
    worker, ring = decoding(windows, told)

    def word(said: WordRead) -> None:
        told.words.append(said)
        worker.stop()
        speaking.set()

    worker._hooks = replace(told.hooks, word=word)
    hear(worker, windows, recording.markers)
    pour(recording, windows, ring)
    worker.start()
    assert speaking.wait(5.0)
    assert worker.join(2.0)
    assert len(told.words) == 1
    assert told.everything == [("dropped: the session ended before it was read", number) for number in (0, 1)]


def test_sentences_are_cut_while_another_is_read(windows: TextDecoder) -> None:
    """A fast replay overwrites in the meantime what waits in the ring."""
    told, recording, ear = Told(), reading_recording(SHOWN[:2]), SentenceMarkers(windows.manifest.sentence)
    worker, ring = decoding(windows, told)
    heard = [ear.hear(marker) for marker in recording.markers]
    shifted = replace(
        reading_recording(SHOWN[3:4]), times=100.0 + np.arange(reading_recording(SHOWN[3:4]).n_times) / 128
    )

    def word(said: WordRead) -> None:
        if (said.number, said.n_words) == (0, 1):
            for each in heard:
                if each.number == 1:
                    worker.add(each)
        elif (said.number, said.n_words) == (0, 2):
            while ring.oldest < recording.n_times:
                pour(shifted, windows, ring)

    worker._hooks = replace(told.hooks, word=word)
    for each in heard:
        if each.number == 0:
            worker.add(each)
    pour(recording, windows, ring)
    for _ in range(2):
        worker.step()
    assert told.everything == [("read", 0), ("twin", 0), ("read", 1), ("twin", 1)]


def test_noise_depends_on_seed_and_number_alone_and_is_as_long_as_the_sentence(windows: TextDecoder) -> None:
    recording = reading_recording(SHOWN)
    runs = {seed: read_text_offline(recording, windows, seed) for seed in (3, 4)}
    without_stop = replace(recording, markers=recording.markers[:4] + recording.markers[5:])
    again = read_text_offline(without_stop, windows, 3)
    assert [number for number, _ in again.dropped] == [0]
    assert [each.text for each in again.noise] == [each.text for each in runs[3].noise[1:]]
    assert [each.text for each in runs[4].noise] != [each.text for each in runs[3].noise]
    for reading, noise in zip(runs[3].readings, runs[3].noise, strict=True):
        assert len(noise.codes) == len(reading.result.codes) == reading.sentence.n_steps
        assert reading.result.codes.tolist() != noise.codes.tolist()


def test_waves_are_read_whole_and_their_noise_is_as_long(tmp_path: Path) -> None:
    decoder = TextDecoder.open(tiny_text_bundle(tmp_path / "waves", "waves"))
    recording = reading_recording(SHOWN[:2])
    run = read_text_offline(recording, decoder)
    for reading, noise in zip(run.readings, run.noise, strict=True):
        trial = reading.sentence.trial
        lasts_s = trial.stop.time - trial.start.time
        assert reading.sentence.n_steps == math.floor(lasts_s * 64 + 0.25)
        assert len(noise.codes) == len(reading.result.codes)
        assert np.isnan(reading.sentence.complete_s)


def test_seconds_per_word_are_those_between_the_first_and_the_last(windows: TextDecoder) -> None:
    (reading,) = read_text_offline(reading_recording(SHOWN[:1]), windows).readings
    timed = replace(reading, result=replace(reading.result, word_s=(1.0, 1.5, 3.0)))
    assert timed.per_word_s == 1.0
    assert math.isnan(replace(reading, result=replace(reading.result, word_s=(1.0,))).per_word_s)
