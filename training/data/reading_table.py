"""EEG recordings of reading, with the onset of each word in a table beside them or as markers inside.

A table becomes markers, and markers are cut by `SentenceTrials`, which cuts them live too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bci_app.contract.checks import check_finite, check_not_flat, listed
from bci_app.contract.errors import ChannelError, RateError, SettingsError, UnitError
from bci_app.contract.preprocessing import PreprocessingSpec, preprocess_recording
from bci_app.contract.reading import SentenceTrial, SentenceTrials
from bci_app.contract.signal import Marker, Recording
from bci_app.streams.bad_channels import bad_in_any, without_channels
from bci_app.streams.recordings import read_recording
from bci_app.streams.run_folder import participant_of_run
from bci_app.text.words import sentence_key
from training.data.reading_settings import TableReadings, matching
from training.data.readings import Reading, Readings
from training.data.word_table import TableWord, read_word_table

_ENTITIES = re.compile(r"(?:^|_)(sub|ses|task|acq|run)-([A-Za-z0-9]+)")
_NAMED = 3


class _Shown(NamedTuple):
    text: str
    task: str
    subject: str


def read_tables(settings: TableReadings) -> Readings:
    """Readings of all the recordings.

    Words that follow one another in a table (see `training.data.word_table`) with the same sentence are one reading.

    Parameters
    ----------
    settings : TableReadings

    Returns
    -------
    Readings
        Word windows or waves, as ``settings.sentence`` says, in the order of recordings and time. Notes count what was left
        out and why.

    Raises
    ------
    SettingsError
        If a table lacks a column, holds no word, is another recording's by its name, or has an onset outside of its
        recording; if no sentence is left.
    RecordingError, SignalError, UnitError
        If a recording cannot be read, or is no EEG, or a channel is flat or holds NaN.
    ChannelError, RateError
        If recordings differ in channels or rate.
    """
    recordings = matching(settings.recordings)
    tables: Sequence[Path | None] = (
        matching(settings.tables) if settings.tables is not None else [None] * len(recordings)
    )
    subjects = settings.subjects or [_subject(path) for path in recordings]
    if not len(recordings) == len(tables) == len(subjects):
        raise SettingsError(
            f"Each recording has one table and one subject, if any are given; got {len(recordings)} recordings, "
            f"{len(tables)} tables and {len(subjects)} subjects. Name as many of each, in the same order."
        )
    items: list[Reading] = []
    bad = bad_in_any(recordings)
    notes = [f"Left out, as marked bad: {listed(bad)}."] if bad else []
    spec: PreprocessingSpec | None = None
    for path, table, subject in zip(recordings, tables, subjects, strict=True):
        if table is not None:
            _check_pair(path, table)
        recording = without_channels(read_recording(path), bad)
        _check(recording)
        if spec is None:
            spec = settings.filtering.spec(recording.channels, recording.sfreq)
        _check_alike(recording, path.name, spec, recordings[0].name)
        found, told = _readings(recording, spec, table, subject, settings)
        items += found
        notes += told
    if not items or spec is None:
        raise SettingsError(f"'{settings.name}' has no sentence to learn from. {' '.join(notes)}")
    reads = settings.sentence.reads
    return Readings(
        tuple(items), reads, spec.channels, spec, settings.sentence, settings.name, settings.licence, tuple(notes)
    )


def _subject(path: Path) -> str:
    """As in ``sub-1_ses-2_eeg.fif``; of a run folder, its participant; else the name of the file."""
    return _entities(path).get("sub") or participant_of_run(path) or path.name.split(".")[0]


def _entities(path: Path) -> dict[str, str]:
    """What a name says in BIDS's way, such as ``{"sub": "1", "run": "2"}``."""
    return dict(_ENTITIES.findall(path.name))


def _check_pair(path: Path, table: Path) -> None:
    """Recordings and tables are paired by their order, which names may show to be wrong."""
    one, other = _entities(path), _entities(table)
    if any(one[entity] != other[entity] for entity in one.keys() & other.keys()):
        raise SettingsError(
            f"Recordings and tables are read together in the order in which they are named; by their names, '{path.name}' and "
            f"'{table.name}' do not belong together. Name both in the same order."
        )


def _check(recording: Recording) -> None:
    if recording.unit != "uV":
        raise UnitError(
            f"EEG is read in microvolts; '{recording.name}' is in '{recording.unit}'. Choose an EEG recording."
        )
    check_finite(recording.data, recording.channels, f"The recording '{recording.name}'")
    check_not_flat(recording.data, recording.channels, f"The recording '{recording.name}'")


def _check_alike(recording: Recording, name: str, spec: PreprocessingSpec, first: str) -> None:
    if recording.channels != spec.channels:
        raise ChannelError(
            f"Recordings are read together only with the same channels in the same order; '{name}' has "
            f"{', '.join(recording.channels)}, and '{first}' {', '.join(spec.channels)}. Read those of one montage only."
        )
    if recording.sfreq != spec.sfreq:
        raise RateError(
            f"Recordings are read together only at the same rate; '{name}' has {recording.sfreq:g} Hz, and '{first}' "
            f"{spec.sfreq:g} Hz. Read those of one rate only."
        )


def _readings(
    recording: Recording, spec: PreprocessingSpec, table: Path | None, subject: str, settings: TableReadings
) -> tuple[list[Reading], list[str]]:
    """The readings of one recording, and notes on what was left out."""
    shown: dict[str, _Shown] = {}
    markers: Sequence[Marker] = sorted(recording.markers, key=lambda marker: marker.time)
    if table is not None:
        markers, shown = _markers(read_word_table(table), recording, table.name, subject, settings)
    elif not any(marker.label.startswith(settings.sentence.start) for marker in markers):
        others = list(dict.fromkeys(marker.label for marker in markers))
        raise SettingsError(
            f"Sentences are found by markers '{settings.sentence.start}'; '{recording.name}' has none, but "
            f"{listed(others) or 'no marker at all'}. Give a table of word onsets, or say in data.sentence how they are marked."
        )
    trials = SentenceTrials(settings.sentence, spec.output_sfreq, spec.decimation)
    for marker in markers:
        trials.add(marker)
    cut = trials.due(preprocess_recording(recording, spec))
    trials.drop_pending("the recording ends before it does")
    left_out = [f"at {start.time - recording.times[0]:.2f} s, {reason}" for start, reason in trials.dropped]
    items = []
    for trial in cut:
        item = _reading(trial, shown, subject, settings.task)
        if sentence_key(item.sentence):
            items.append(item)
        else:
            left_out.append(f"at {trial.start.time - recording.times[0]:.2f} s, no marker tells its words")
    return items, [_note(recording.name, left_out)] if left_out else []


def _reading(trial: SentenceTrial, shown: Mapping[str, _Shown], subject: str, task: str) -> Reading:
    told = shown.get(trial.start.label) or _Shown(trial.text, task, subject)
    words = tuple(marker.label for marker in trial.words)
    return Reading(told.text, trial.data, told.subject, told.task, words)


def _note(name: str, reasons: Sequence[str]) -> str:
    more = f" and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
    return f"'{name}': left out {len(reasons)} sentence(s): {'; '.join(reasons[:_NAMED])}{more}."


def _markers(
    rows: Sequence[TableWord], recording: Recording, table: str, subject: str, settings: TableReadings
) -> tuple[list[Marker], dict[str, _Shown]]:
    """The table as markers on the recording's clock, and what each sentence is, by the label of its start."""
    spec, first_s = settings.sentence, float(recording.times[0])
    lasts_s = float(recording.times[-1]) - first_s
    for row in rows:
        if not 0 <= row.onset_s <= lasts_s:
            raise SettingsError(
                f"Onsets count in seconds from the first sample of the recording; line {row.line} of '{table}' has "
                f"{row.onset_s:g}, and '{recording.name}' lasts {lasts_s:g} s. Give the table that belongs to it, samples "
                f"divided by {recording.sfreq:g} and milliseconds by 1000."
            )
    sentences = [list(group) for _, group in groupby(rows, key=lambda row: (row.sentence, row.task, row.subject))]
    starts_s = [sentence[0].onset_s for sentence in sentences[1:]] + [np.inf]
    markers: list[Marker] = []
    shown: dict[str, _Shown] = {}
    for number, (sentence, next_s) in enumerate(zip(sentences, starts_s, strict=True)):
        first, last = sentence[0], sentence[-1]
        stop_s = last.onset_s + (last.duration_s if last.duration_s > 0 else settings.last_word_s)
        markers.append(Marker(first_s + first.onset_s, spec.start_label(str(number))))
        markers += [Marker(first_s + row.onset_s, f"{spec.word.rstrip('/')}/{row.word}") for row in sentence]
        markers.append(Marker(first_s + min(stop_s, next_s), spec.stop))
        text = first.sentence if len(first.sentence.split()) > 1 else " ".join(row.word for row in sentence)
        shown[str(number)] = _Shown(text, first.task or settings.task, first.subject or subject)
    return markers, shown
