"""The decoding thread of sentences: markers -> sentence -> text, word by word, and the text of matched noise."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bci_app.contract.errors import SignalError
from bci_app.contract.manifest import Generation
from bci_app.contract.reading import SentenceSpec, SentenceTrial, SentenceTrials
from bci_app.contract.signal import Marker
from bci_app.contract.windowing import AHEAD_S, SampleStore
from bci_app.engine.events import WordRead
from bci_app.engine.worker import GIVE_WAY_S, Worker
from bci_app.inference.text import ReadText, TextDecoder
from bci_app.streams.ring import Ring


@dataclass(frozen=True, slots=True)
class Heard:
    """A marker as it was heard: the number of its sentence (from 0; -1 before the first), what part of it begins, what the
    label says beyond that, when it was in hand (LSL seconds; NaN offline), and whether a sentence is open that it belongs to."""

    marker: Marker
    number: int
    part: Literal["start", "word", "stop", "other"]
    said: str
    heard_s: float = math.nan
    belongs: bool = True


class SentenceMarkers:
    """Tells of each marker which sentence it belongs to; markers come in the order of their times. One thread."""

    def __init__(self, spec: SentenceSpec) -> None:
        self._prefixes: dict[Literal["start", "word", "stop"], str] = {
            "start": spec.start, "word": spec.word, "stop": spec.stop,
        }  # fmt: skip
        self._number = -1
        self._open = False

    def hear(self, marker: Marker, heard_s: float = math.nan) -> Heard:
        """What `marker` is, in hand at `heard_s` LSL seconds."""
        for part, prefix in self._prefixes.items():
            if marker.label.startswith(prefix):
                self._number += part == "start"
                belongs, self._open = self._open or part == "start", part == "start" or (part == "word" and self._open)
                said = marker.label.removeprefix(prefix).lstrip("/")
                return Heard(marker, self._number, part, said, heard_s, belongs)
        return Heard(marker, self._number, "other", marker.label, heard_s, self._open)


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """A sentence that is cut: its number, its signal, and when all of it was in hand, the last marker included."""

    number: int
    trial: SentenceTrial
    complete_s: float = math.nan

    @property
    def n_steps(self) -> int:
        """Words, or samples of waves, that go into the model."""
        return int(self.trial.data.shape[0 if self.trial.data.ndim == 3 else -1])


class NumberedSentences:
    """`SentenceTrials` that know the numbers of their sentences; one thread.

    Parameters
    ----------
    spec, sfreq, decimation, ahead_s
        See `SentenceTrials`.
    """

    def __init__(self, spec: SentenceSpec, sfreq: float, decimation: int = 1, ahead_s: float = AHEAD_S) -> None:
        self._trials = SentenceTrials(spec, sfreq, decimation, ahead_s)
        self._numbers: dict[float, deque[int]] = {}  # by the time of the first marker, which two of them may share
        self._heard_s: dict[int, float] = {}

    def add(self, heard: Heard) -> None:
        """Await what a marker belongs to."""
        if heard.part == "start":
            self._numbers.setdefault(heard.marker.time, deque()).append(heard.number)
        elif heard.part == "stop":
            self._heard_s.setdefault(heard.number, heard.heard_s)
        self._trials.add(heard.marker)

    def due(self, store: SampleStore) -> list[Sentence]:
        """Sentences complete by now, in their order."""
        return [self._sentence(trial) for trial in self._trials.due(store)]

    def take_dropped(self) -> list[tuple[int, str]]:
        """Numbers of sentences that were not cut since the last call, each with the reason."""
        dropped = [(self._take(marker), reason) for marker, reason in self._trials.dropped]
        self._trials.dropped.clear()
        return dropped

    def drop_pending(self, reason: str) -> None:
        """Give up on all sentences still waiting."""
        self._trials.drop_pending(reason)

    def _sentence(self, trial: SentenceTrial) -> Sentence:
        number = self._take(trial.start)
        return Sentence(number, trial, float(np.fmax(trial.arrived_s, self._heard_s.pop(number, math.nan))))

    def _take(self, start: Marker) -> int:
        numbers = self._numbers[start.time]
        number = numbers.popleft()
        if not numbers:
            del self._numbers[start.time]
        return number


@dataclass(frozen=True, slots=True, eq=False)
class SentenceReading:
    """What was read of a sentence; `cut_s`, when reading began, in LSL seconds."""

    sentence: Sentence
    result: ReadText
    cut_s: float

    @property
    def per_word_s(self) -> float:
        """Seconds from one word to the next, on average; NaN of less than two."""
        word_s = self.result.word_s
        return (word_s[-1] - word_s[0]) / (len(word_s) - 1) if len(word_s) > 1 else math.nan


class TextReader:
    """Sentence -> text, with the time of each word on `clock`; the same object reads live and offline.

    Parameters
    ----------
    decoder : TextDecoder
        Opened.
    clock : callable
        LSL seconds.
    seed : int
        Of the noise twin: the noise of a sentence depends on it and on the sentence's number alone.
    generation : Generation, optional
        How text is generated; as the bundle says by default.

    Attributes
    ----------
    n_read : int
        Sentences read so far.
    reading : bool
        Whether one is being read at this moment, its noise twin not counted.
    """

    def __init__(
        self, decoder: TextDecoder, clock: Callable[[], float], seed: int = 0, generation: Generation | None = None
    ) -> None:
        self.decoder = decoder
        self.n_read = 0
        self.reading = False
        self._clock, self._seed, self._generation = clock, seed, generation

    def read(self, sentence: Sentence, on_word: Callable[[WordRead], None] = lambda word: None) -> SentenceReading:
        """The text of one sentence; any one thread.

        Parameters
        ----------
        sentence : Sentence
            Cut from the preprocessed signal.
        on_word : callable
            Takes the text so far with its times, as each word becomes known.
        """
        trial, words = sentence.trial, list[str]()

        def tell(word: str) -> None:
            words.append(word)
            times = (trial.sampled_s, trial.arrived_s, sentence.complete_s, cut_s, self._clock())
            on_word(WordRead(sentence.number, " ".join(words), len(words), *times))

        cut_s, self.reading = self._clock(), True
        try:
            result = self.decoder.read(trial.data, tell, self._generation)
        finally:
            self.reading = False
        self.n_read += 1
        return SentenceReading(sentence, result, cut_s)

    def read_noise(self, sentence: Sentence, on_word: Callable[[str], None] = lambda word: None) -> ReadText:
        """What the same decoder reads from matched noise with as many words, or samples, as the sentence has: its twin."""
        rng = np.random.default_rng((self._seed, sentence.number))
        noise = self.decoder.noise_signal(rng, sentence.n_steps)
        return self.decoder.read(noise, on_word, self._generation)


@dataclass(frozen=True, slots=True)
class TextHooks:
    """Called in the decoding thread.

    Attributes
    ----------
    word : callable
        Takes each word as it is read.
    read : callable
        Takes what was read of a sentence.
    twin : callable
        Takes the same, and what was read from noise in its place.
    dropped : callable
        Takes the number of a sentence that was not read, and why.
    ended : callable
        Takes the reason when nothing more is to be read.
    failed : callable
        Takes a message if the thread fails.
    """

    word: Callable[[WordRead], None]
    read: Callable[[SentenceReading], None]
    twin: Callable[[SentenceReading, ReadText], None]
    dropped: Callable[[int, str], None]
    ended: Callable[[str], None]
    failed: Callable[[str], None]


class _Stopped(Exception):
    """The thread was told to stop in the middle of a sentence."""


class SentenceDecoding(Worker):
    """Reads each sentence as soon as it is complete, then noise in its place.

    Parameters
    ----------
    sentences : NumberedSentences
        Cuts them.
    ring : Ring
        Preprocessed signal.
    reader : TextReader
        Reads them.
    hooks : TextHooks
        Who is told.
    limit : int, optional
        Ends after so many sentences.
    """

    def __init__(
        self, sentences: NumberedSentences, ring: Ring, reader: TextReader, hooks: TextHooks, limit: int | None = None
    ) -> None:
        super().__init__("decoding", hooks.failed)
        self._sentences, self._ring, self._reader, self._hooks = sentences, ring, reader, hooks
        self._limit = limit
        self._lock = threading.Lock()
        self._arrivals: list[Heard] = []
        self._queue: deque[Sentence] = deque()
        self._seen = 0
        self._last_reason: str | None = None

    def add(self, heard: Heard) -> None:
        """Await what a marker belongs to; any thread."""
        with self._lock:
            self._arrivals.append(heard)
        self._ring.nudge()  # the last marker may come after the last sample

    def finish(self, reason: str) -> None:
        """No more signal is to come: read what is complete, then end; any thread."""
        self._last_reason = reason

    def step(self) -> bool:
        """Wait for new samples or markers, cut what they completed, and read one sentence; decoding thread."""
        last_reason = self._last_reason  # asked before cutting: what came until then is cut
        if not self._queue:
            self._ring.wait_newer(self._seen, 0.2, lambda: bool(self._arrivals))
        self._cut()
        if not self._queue:
            return self._still_expected(last_reason)
        try:
            self._read(self._queue[0])
        except _Stopped:
            return False
        except SignalError as error:  # what cannot be read ends a sentence, not the session
            self._hooks.dropped(self._queue[0].number, str(error))
        self._queue.popleft()
        if self._limit is not None and self._reader.n_read >= self._limit:
            self._hooks.ended(f"All sentences asked for were read ({self._limit}).")
            return False
        return True

    def close(self) -> None:
        """Count the sentences that were not read any more; decoding thread."""
        for sentence in self._queue:
            self._hooks.dropped(sentence.number, "the session ended before it was read")
        self._drop_pending()

    def _still_expected(self, last_reason: str | None) -> bool:
        if last_reason is None:
            return True
        self._drop_pending()
        self._hooks.ended(last_reason)
        return False

    def _drop_pending(self) -> None:
        self._sentences.drop_pending("the session ended before its last sample")
        self._tell_dropped()

    def _cut(self) -> None:
        """Into the queue, where a copy of the signal waits: the ring goes on."""
        self._seen = self._ring.newest
        with self._lock:
            arrivals, self._arrivals = self._arrivals, []
        for heard in arrivals:
            self._sentences.add(heard)
        self._queue.extend(self._sentences.due(self._ring))
        self._tell_dropped()

    def _read(self, sentence: Sentence) -> None:
        def tell(word: WordRead) -> None:
            self._hooks.word(word)
            if word.n_words == 1:
                time.sleep(GIVE_WAY_S)
            self._go_on()

        reading = self._reader.read(sentence, tell)
        self._hooks.read(reading)
        self._hooks.twin(reading, self._reader.read_noise(sentence, lambda word: self._go_on()))

    def _go_on(self) -> None:
        """Between two words: end if that is wanted, and cut what has become complete, before it is overwritten."""
        if self.stopping:
            raise _Stopped
        self._cut()

    def _tell_dropped(self) -> None:
        for number, reason in self._sentences.take_dropped():
            self._hooks.dropped(number, reason)
