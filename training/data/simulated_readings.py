"""Sentences read by the simulated reader, in all three kinds, with known truth: the default where no data are at hand."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor
from bci_app.contract.reading import Reads, SentenceSpec, SentenceTrial, SentenceTrials
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.windowing import ArrayStore
from bci_app.simulation.reading import simulate_reading_session
from bci_app.simulation.sentences import Part, looked_at, part_of, sentences
from bci_app.simulation.settings import SIMULATED_READER, ParticipantSettings, ReadingSettings
from bci_app.simulation.word_features import WordFeatures, bits_per_word, entropy_per_word
from training.data.readings import Reading, Readings
from training.settings import Count, Frozen, Seed

CHUNK = 4096
"""Samples that are preprocessed at a time: the numbers are the same, in a tenth of the memory."""


class SimulatedReadingsSettings(Frozen):
    """Who reads how many sentences, and what is kept of it."""

    kind: Literal["simulated"] = "simulated"
    reads: Reads = "word-features"
    reading: ReadingSettings = ReadingSettings()
    """What reading evokes; ``information: 0`` for the control that tells nothing."""
    participant: ParticipantSettings = SIMULATED_READER.model_copy(update={"reading": None})
    """The first participant; the others differ by their seed. Of features, only seed and number of channels matter."""
    n_subjects: Count = 3
    n_train: Count = 400
    """Sentences per task of the part ``train``; every participant reads all."""
    n_test: Annotated[int, Field(ge=0)] = 60
    """Sentences per task of the part ``test``."""
    seed: Seed = 0
    """Draws the sentences."""
    band_hz: tuple[float | None, float | None] = (0.5, 45.0)
    notch_hz: float | None = 50.0
    decimation: Annotated[int, Field(ge=1, le=64)] = 1
    sentence: SentenceSpec = SentenceSpec()
    """How the EEG is cut; for waves, the window of a word is left out."""

    @model_validator(mode="after")
    def _one_reading(self) -> Self:
        if self.participant.reading is not None:
            raise ValueError("say what reading evokes in reading, not in participant.reading")
        return self

    @model_validator(mode="after")
    def _sentences_are_found(self) -> Self:
        sent = SentenceSpec()
        if (self.sentence.start, self.sentence.stop, self.sentence.word) != (sent.start, sent.stop, sent.word):
            raise ValueError(f"the simulated reader marks sentences by {sent.start}, {sent.stop} and {sent.word}")
        if self.reads == "word-windows" and self.sentence.word_cut is None:
            raise ValueError("word windows need sentence.word_cut, the window round a word's marker; it is null")
        return self


def simulated_readings(settings: SimulatedReadingsSettings) -> Readings:
    """Everything that was read: by participant, then by task, training sentences before test sentences.

    Raises
    ------
    SettingsError
        If the grammar does not make so many sentences, or the settings do not fit together.
    """
    return _features(settings) if settings.reads == "word-features" else _cut(settings)


def part_of_reading(reading: Reading) -> Part:
    """The part, ``"train"`` or ``"test"``, that the grammar gave the sentence to."""
    return part_of(reading.sentence)


def _shown(settings: SimulatedReadingsSettings) -> list[tuple[str, str]]:
    """Task and sentence, in the order of reading."""
    parts: tuple[tuple[Part, int], ...] = (("train", settings.n_train), ("test", settings.n_test))
    return [
        (task, sentence)
        for task in settings.reading.tasks
        for part, n in parts
        for sentence in sentences(task, n, settings.seed, part)
    ]


def _features(settings: SimulatedReadingsSettings) -> Readings:
    shown, items = _shown(settings), []
    for number in range(settings.n_subjects):
        seed = settings.participant.seed + number
        reader = WordFeatures(settings.reading, seed, settings.participant.n_channels)
        rng = np.random.default_rng([settings.seed, seed, settings.participant.session])
        for task, sentence in shown:
            words = looked_at(sentence, settings.reading.omission, rng)
            items.append(Reading(sentence, reader.read(words, rng), f"simulated {seed}", task, words))
    told = bits_per_word(settings.reading, settings.participant.seed, settings.participant.n_channels)
    return Readings(
        tuple(items),
        "word-features",
        reader.rows,
        spec=settings.sentence,
        name="simulated reader",
        licence="made by this program",
        notes=(
            f"An ideal observer gets {told.bits:.2f} (SE {told.standard_error:.2f}) of the "
            f"{entropy_per_word(settings.reading):.2f} bits that a word is.",
        ),
    )


def _cut(settings: SimulatedReadingsSettings) -> Readings:
    """Word windows or waves: each participant is recorded, and cut as a live stream would be."""
    spec = (
        settings.sentence
        if settings.reads == "word-windows"
        else settings.sentence.model_copy(update={"word_cut": None})
    )
    shown, items, notes = _shown(settings), [], []
    tasks = {sentence: task for task, sentence in shown}
    for number in range(settings.n_subjects):
        seed = settings.participant.seed + number
        participant = settings.participant.model_copy(update={"seed": seed, "reading": settings.reading})
        recording = simulate_reading_session(participant, [sentence for _, sentence in shown])
        preprocessing = PreprocessingSpec.design(
            recording.channels, recording.sfreq, settings.band_hz, settings.notch_hz, decimation=settings.decimation
        )
        trials, dropped = _cut_sentences(recording, preprocessing, spec)
        for trial in trials:
            words = tuple(word.label for word in trial.words)
            items.append(Reading(trial.start.label, trial.data, f"simulated {seed}", tasks[trial.start.label], words))
        notes += [f"simulated {seed}: '{marker.label}' was left out: {reason}." for marker, reason in dropped]
    return Readings(
        tuple(items),
        settings.reads,
        preprocessing.channels,
        preprocessing,
        spec,
        name="simulated reader",
        licence="made by this program",
        notes=tuple(notes),
    )


def _cut_sentences(
    recording: Recording, preprocessing: PreprocessingSpec, spec: SentenceSpec
) -> tuple[list[SentenceTrial], list[tuple[Marker, str]]]:
    """The sentences of a recording as the live program would cut them; and those that were dropped, with the reason."""
    preprocessor = Preprocessor(preprocessing)
    kept = [preprocessor.process(chunk) for chunk in recording.chunks(CHUNK)]
    data, times = (np.concatenate([getattr(chunk, part) for chunk in kept], axis=-1) for part in ("data", "times"))
    store = ArrayStore(data, times, preprocessing.output_sfreq)
    cutter = SentenceTrials(spec, store.sfreq, preprocessing.decimation)
    for marker in recording.markers:
        cutter.add(marker)
    trials = cutter.due(store)
    cutter.drop_pending("the recording ended before it was complete")
    return trials, cutter.dropped
