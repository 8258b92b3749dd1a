"""The composition root of a session that reads sentences."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from bci_app.contract.signal import Marker
from bci_app.contract.windowing import AHEAD_S
from bci_app.engine.events import Finished, SentenceNotRead, SentenceRead, SentenceShown, WordRead, WordShown
from bci_app.engine.latency import StepLog
from bci_app.engine.listening import MarkerListener, listen_to_markers
from bci_app.engine.live_signal import LiveSignal
from bci_app.engine.live_text import (
    Heard,
    NumberedSentences,
    SentenceDecoding,
    SentenceMarkers,
    SentenceReading,
    TextHooks,
    TextReader,
)
from bci_app.engine.plan import REPLAY_AHEAD_S
from bci_app.engine.signal_session import SignalSession
from bci_app.engine.text_evidence import RunningText
from bci_app.engine.text_plan import TextPlan, live_spec
from bci_app.engine.text_views import OwnTest, SessionScores
from bci_app.engine.views import LatencyRow, Status
from bci_app.engine.worker import Worker
from bci_app.inference.text import ReadText
from bci_app.streams.lsl import local_clock
from bci_app.text.words import sentence_key

STEPS = (
    "transport age",
    "filter, ring, cutting",
    "encoder, first word",
    "each further word",
    "hand-over to Qt",
    "total to first word",
)
"""Transport age: time stamp of the last sample of a sentence to its arrival. Total: from the arrival of that sample, or of the
last marker if that came later, to the first word given to Qt; a word is known when the next one begins."""


_STRAY = 10
"""Markers outside of any sentence after which it is said that they make none."""


class TextSession(SignalSession):
    """A running session that reads sentences; its public methods say which thread may call them.

    Parameters
    ----------
    plan : TextPlan
        What to run.
    clock : callable
        LSL seconds.

    Raises
    ------
    SettingsError
        If no marker stream is named.
    BundleError
        If the model reads what no stream carries.
    StreamError, SignalError
        If EEG or markers are not there, or the EEG is not of the kind the model was made for.
    RecordingError
        If the plan's folder cannot be written.
    """

    def __init__(self, plan: TextPlan, clock: Callable[[], float] = local_clock) -> None:
        super().__init__(plan, clock)
        self.plan = plan
        manifest = plan.decoder.manifest
        self.tested = OwnTest.of(manifest)
        self.latency = StepLog(STEPS, with_age=plan.stamps_are_live)
        self.n_not_read = self._n_stray = 0
        self._reader = TextReader(plan.decoder, clock, plan.settings.seed, plan.generation)
        self._markers = SentenceMarkers(manifest.sentence)
        self._known = {sentence_key(sentence) for sentence in manifest.trained_on}
        self._evidence = RunningText(manifest.reads == "waves")
        with ExitStack() as undo:
            plan.check()
            self._live = LiveSignal(plan.signal, self._telling, clock, on_end=self._signal_ended)
            undo.callback(self._live.close)
            self._decoding = self._new_decoding()
            self._listener = self._new_listener()
            undo.callback(self._listener.close)
            self._begin_recording()
            undo.pop_all()

    def _new_decoding(self) -> SentenceDecoding:
        manifest, ring = self.plan.decoder.manifest, self._live.ring
        ahead_s = AHEAD_S if self.plan.stamps_are_live else REPLAY_AHEAD_S
        decimation = live_spec(manifest).decimation
        hooks = TextHooks(
            self._telling.tell, self._read, self._twin_read, self._not_read, self._nothing_more, self._telling.failed
        )
        sentences = NumberedSentences(manifest.sentence, ring.sfreq, decimation, ahead_s)
        return SentenceDecoding(sentences, ring, self._reader, hooks, self.plan.settings.n_sentences)

    def _new_listener(self) -> MarkerListener:
        listener = listen_to_markers(self._live, self._marker_heard, self._telling)
        assert listener is not None, "the plan was checked"
        return listener

    # -- for the window --------------------------------------------------------------------------------------------

    def picture_shown(self, trial: int, picture_id: str, at_s: float) -> None:
        """No picture is shown in such a session. GUI thread."""

    def handed_to_qt(self, word: WordRead, at_s: float) -> None:
        """A word was given to Qt at `at_s` (LSL seconds); the first one of each sentence is timed. GUI thread."""
        if word.n_words == 1:
            self.latency.note(
                (
                    word.arrived_s - word.sampled_s,
                    word.cut_s - word.complete_s,
                    word.read_s - word.cut_s,
                    float("nan"),
                    at_s - word.read_s,
                    at_s - word.complete_s,
                )
            )

    @property
    def reading(self) -> bool:
        """Whether a sentence is being read at this moment. Any thread."""
        return self._reader.reading

    def scores(self) -> SessionScores:
        """What the session comes to so far. Any thread."""
        return self._evidence.scores()

    def final_scores(self) -> SessionScores:
        """The same with a finer interval; after `stop`. Owner's thread."""
        return self._evidence.final()

    def latencies(self) -> tuple[LatencyRow, ...]:
        """Percentiles of each step. Any thread."""
        return self.latency.rows()

    def status(self) -> Status:
        """Stream, model and device in plain words. Any thread."""
        decoder, wanted = self.plan.decoder, self.plan.settings.n_sentences
        n_read = self._reader.n_read
        how = "greedy" if self.plan.generation.n_beams == 1 else f"{self.plan.generation.n_beams} beams"
        return Status(
            stream=self._live.text,
            stream_ok=self._live.connected,
            model=f"{decoder.manifest.name} ({decoder.manifest.reads}, {how})",
            device=decoder.device,
            device_ok=decoder.fell_back is None,
            progress=f"{n_read} sentences read" if wanted is None else f"{n_read} of {wanted} sentences read",
            watermark=self.plan.watermark,
        )

    @property
    def counts(self) -> dict[str, int]:
        """Samples and gaps received, sentences read and not read. Any thread."""
        return {**self._live.counts, "read": self._reader.n_read, "not_read": self.n_not_read}

    # -- from the workers --------------------------------------------------------------------------------------------

    def _workers(self) -> tuple[Worker, ...]:
        everyone = (self._live.recorder, self._live.acquisition, self._decoding, self._listener)
        return tuple(worker for worker in everyone if worker is not None)

    def _latency_log(self) -> StepLog:
        return self.latency

    def _marker_heard(self, marker: Marker) -> None:
        heard = self._markers.hear(marker, self.clock())
        self._live.note(marker, _caption(heard))
        self._decoding.add(heard)
        self._count_stray(heard)
        if heard.part == "start":
            self._telling.tell(SentenceShown(heard.number, heard.said))
        elif heard.part == "word" and heard.number >= 0:
            self._telling.tell(WordShown(heard.number, heard.said))

    def _count_stray(self, heard: Heard) -> None:
        """Say once that markers make no sentences, since nothing else would tell why nothing is read; marker thread."""
        stray = not heard.belongs and (heard.part != "other" or heard.number < 0)  # others may stand between sentences
        self._n_stray += stray
        if stray and self._n_stray == _STRAY:
            self._telling.problem(
                f"{_STRAY} markers came outside of any sentence, the last of them '{heard.marker.label}'. "
                f"{self.plan.markers_wanted}: let your stimulus program send those."
            )

    def _signal_ended(self, reason: str) -> None:
        """What is complete is still read; acquisition thread."""
        self._decoding.finish(reason)

    def _nothing_more(self, reason: str) -> None:
        self._telling.tell(Finished(reason, fatal=False))

    def _read(self, reading: SentenceReading) -> None:
        self.latency.note((*(float("nan"),) * 3, reading.per_word_s, *(float("nan"),) * 2))
        self._telling.tell(self._told(reading))

    def _twin_read(self, reading: SentenceReading, noise: ReadText) -> None:
        told = self._told(reading, noise.text)
        self._telling.tell(told)
        self._evidence.add(told, reading.sentence.n_steps)
        if self._live.recorder is not None:
            self._live.recorder.sentence(entry(reading, noise, told))

    def _told(self, reading: SentenceReading, noise: str | None = None) -> SentenceRead:
        trial = reading.sentence.trial
        known = sentence_key(trial.text) in self._known
        return SentenceRead(reading.sentence.number, trial.text, len(trial.words), reading.result.text, noise, known)

    def _not_read(self, number: int, reason: str) -> None:
        self.n_not_read += 1
        self._telling.tell(SentenceNotRead(number, reason))
        message = f"Sentence {number + 1} was not read: {reason.rstrip('.')}."
        self._telling.now_and_then(reason, message, self.clock())


def _caption(heard: Heard) -> str:
    """What stands over the signal at a marker: the word, or a sign for the ends of a sentence."""
    return {"start": "start", "stop": "stop"}.get(heard.part, heard.said or "·")


def entry(reading: SentenceReading, noise: ReadText, told: SentenceRead) -> dict[str, object]:
    """A line of ``sentences.jsonl``; times in LSL seconds."""
    trial, result = reading.sentence.trial, reading.result
    return {
        "sentence": told.number,
        "shown": told.shown or None,
        "known": told.known,
        "words": [word.label for word in trial.words],
        "read": told.read,
        "noise": told.noise,
        "start_s": trial.start.time,
        "stop_s": trial.stop.time,
        "n_steps": reading.sentence.n_steps,
        "tokens": list(result.tokens),
        "codes": result.codes.tolist(),
        "log_probability": result.log_probability,
        "noise_tokens": list(noise.tokens),
        "noise_log_probability": noise.log_probability,
    }
