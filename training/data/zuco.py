"""ZuCo 1.0 and 2.0: sentences that subjects read at their own pace, EEG and gaze at once, as the result files hold them.

A file ``results<SUBJECT>_<TASK>.mat`` holds one struct ``sentenceData`` for each sentence: its text, its EEG ``rawData``
(105, n_times), 500 Hz, and for each word how often it was looked at, and the mean amplitude of eight bands at 105
electrodes (``GD_t1`` and so on) over the fixations that a measure counts.

What was lost looks different from file to file. Sessions without EEG or gaze may be missing, or their sentences hold NaN or
nothing in place of words and EEG; a sentence beyond 90 microvolts keeps its words, without EEG, and a fixation beyond them
has 105 NaN in each band; a word that nobody looked at has empty fields, and if nobody looked at any, no fields but its text.

Source: Hollenstein et al. 2018, Scientific Data 5, 180291; Hollenstein et al. 2020, LREC.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from rich import get_console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bci_app.contract.errors import ChannelError, RecordingError, SettingsError
from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor
from bci_app.contract.reading import SentenceSpec
from bci_app.contract.signal import Chunk
from bci_app.text.words import sentence_key
from training.data.matlab_structs import UNREADABLE, Struct, open_structs
from training.data.reading_settings import ZucoReadings, ZucoTask, matching
from training.data.readings import Floats, Reading, Readings
from training.data.texts import corrected

logger = logging.getLogger(__name__)

SFREQ = 500.0
BANDS = ("t1", "t2", "a1", "a2", "b1", "b2", "g1", "g2")
"""4-6, 6.5-8, 8.5-10, 10.5-13, 13.5-18, 18.5-30, 30.5-40 and 40-49.5 Hz."""
_LEFT_OUT = {1, 8, 14, 17, 21, 25, 32, 48, 49, 56, 63, 68, 73, 81, 88, 94, 99, 107, 113, 119, 125, 126, 127, 128}  # fmt: skip
CHANNELS = (*(f"E{number}" for number in range(1, 129) if number not in _LEFT_OUT), "Cz")
"""The electrodes of the 128-channel net that the authors kept, in the order of their preprocessed recordings; the result
files hold no names."""
WAVES_ARE_CLEANED = (
    "The EEG of ZuCo's result files was filtered, cleaned of artefacts and referenced to the average by its authors, over "
    "whole recordings; a reader of it runs live only as well as the live signal is clean."
)
_N_SENTENCES: dict[ZucoTask, int] = {"SR": 400, "NR": 300, "TSR": 407, "NR-2": 349, "TSR-2": 390}
_ANSWER = "answer_mean_t1"
_NAME = re.compile(r"results(?P<subject>[A-Z]{3})_(?P<task>[A-Z]+)\.mat")
_VERSION_OF_INITIAL = {"Z": "", "Y": "-2", "X": "-2"}
_NAMED = 3


class _Source(NamedTuple):
    path: Path
    subject: str
    task: ZucoTask


class _Word(NamedTuple):
    """A word that was looked at: the number of its first fixation, and float64 (840,) features, NaN where there are none."""

    text: str
    first_fixation: float
    features: NDArray[np.float64]


def read_zuco(settings: ZucoReadings) -> Readings:
    """Readings of all the files.

    Features are those of the words that were looked at, band by band, in each band channel by channel. To z-score each word's
    features by themselves, as published baselines do, throws away how strong a word's response was and mixes bands whose
    sizes differ by nature; a network that scales each feature by the training data needs none of it, so it is an option.

    Parameters
    ----------
    settings : ZucoReadings

    Returns
    -------
    Readings
        Word features (n_words, 840) or waves (105, n_times) in the order of files and sentences. Notes count what was left
        out: sentences without text, without a fixation, with missing features, or longer than the limit.

    Raises
    ------
    SettingsError
        If a file is of another task than was asked for, or there twice, or no sentence is left.
    RecordingError
        If a file is no result file of ZuCo, is cut, or holds something else where text or numbers must be.
    ChannelError
        If a sentence has another number of channels than 105.
    """
    waves = settings.reads == "waves"
    spec = settings.filtering.spec(CHANNELS, SFREQ) if waves else None
    items: list[Reading] = []
    notes: list[str] = [WAVES_ARE_CLEANED] if waves else []
    for source in _with_progress(_sources(settings)):
        found, told = _read_file(source, settings, spec)
        items += found
        notes += told
    if not items:
        raise SettingsError(
            f"No sentence of ZuCo is left to learn from. {' '.join(notes)} Give other files, or larger data.max_words or "
            "data.max_s."
        )
    return Readings(
        tuple(items),
        settings.reads,
        CHANNELS if waves else tuple(f"{settings.measure}_{band}/{each}" for band in BANDS for each in CHANNELS),
        spec,
        SentenceSpec(word_cut=None, max_s=settings.max_s) if waves else SentenceSpec(max_words=settings.max_words),
        name="ZuCo",
        licence="CC BY 4.0",
        notes=tuple(notes),
    )


def _sources(settings: ZucoReadings) -> list[_Source]:
    """The files, none of which may hold what another one does."""
    known: dict[tuple[str, str], Path] = {}
    sources = [_source(path, settings.tasks) for path in matching(settings.files)]
    for path, subject, task in sources:
        first = known.setdefault((subject, task), path)
        if first != path:
            raise SettingsError(f"'{first}' and '{path}' are both of {subject} in task {task}. Give one of them.")
    return sources


def _with_progress(sources: Sequence[_Source]) -> Iterator[_Source]:
    """The files, each named in the terminal while it is read: published ones have up to four gigabytes."""
    console = get_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(sources))
        for source in sources:
            progress.update(task, description=source.path.name)
            yield source
            progress.advance(task)


def _source(path: Path, tasks: Sequence[ZucoTask] | None) -> _Source:
    """Subject and task, as the file's name tells them."""
    match = _NAME.fullmatch(path.name)
    version = _VERSION_OF_INITIAL.get(match["subject"][0]) if match else None
    if match is None or version is None:
        raise RecordingError(
            "Result files of ZuCo are called results<SUBJECT>_<TASK>.mat, such as resultsZAB_SR.mat (1.0) or resultsYAC_NR.mat "
            f"(2.0); got '{path.name}'. Give them as they were published."
        )
    name = match["task"] + version
    for task in get_args(ZucoTask):
        if task == name and task in (tasks or _N_SENTENCES):
            return _Source(path, match["subject"], task)
    raise SettingsError(
        f"'{path.name}' is of task {name} by its name; {', '.join(tasks or _N_SENTENCES)} was asked for. Leave it out, or name "
        "its task."
    )


def _read_file(
    source: _Source, settings: ZucoReadings, spec: PreprocessingSpec | None
) -> tuple[list[Reading], list[str]]:
    """The readings of a file, and notes on what was left out."""
    items: list[Reading] = []
    left_out: dict[str, list[str]] = {}
    with open_structs(source.path, "sentenceData") as sentences:
        _check_task(source, sentences)
        for number, sentence in enumerate(sentences, start=1):
            try:
                outcome = _reading(sentence, source, settings, spec)
                if isinstance(outcome, str):
                    left_out.setdefault(outcome, []).append(sentence.text("content").strip() or f"sentence {number}")
                else:
                    items.append(outcome)
            except ChannelError as error:
                raise ChannelError(f"Sentence {number} of '{source.path.name}' {error}") from None
            except UNREADABLE as error:
                raise RecordingError(
                    f"Sentence {number} of '{source.path.name}' cannot be read: {error}. Fetch the file again, or leave it out."
                ) from error
    logger.info("%s: %d of %d sentences", source.path.name, len(items), len(sentences))
    return items, [_note(source.path, reason, texts) for reason, texts in left_out.items()]


def _check_task(source: _Source, sentences: Sequence[Struct]) -> None:
    """A file never holds more sentences than its task shows, and fewer if sessions were left out.

    Two sessions of 50 less, `SR` has as many as `NR`; its files alone have fields of what was measured during answers.
    """
    n, most = len(sentences), _N_SENTENCES[source.task]
    others = [task for task, of_task in _N_SENTENCES.items() if of_task == n and task != source.task]
    same_version = [task for task in others if task.endswith("-2") == source.task.endswith("-2")]
    is_sr = source.task == "SR" and _ANSWER in sentences[0].fields
    if n > most or (same_version and not is_sr):
        raise SettingsError(
            f"'{source.path.name}' must hold task {source.task}, which has {most} sentences; it holds {n}"
            f"{f', as many as {others[0]} has' if others else ''}. Check which file it is, and call it as it was published."
        )


def _reading(
    sentence: Struct, source: _Source, settings: ZucoReadings, spec: PreprocessingSpec | None
) -> Reading | str:
    """What was read; or why it is left out."""
    text = corrected(sentence.text("content"))
    if not sentence_key(text):
        return "without text"
    words = _words(sentence, settings if spec is None else None)
    if not words:
        return "without a word that was looked at"
    if settings.order == "gaze":
        words.sort(key=lambda word: word.first_fixation)
    signal = _waves(sentence, settings.max_s, spec) if spec is not None else _features(words, settings)
    if isinstance(signal, str):
        return signal
    return Reading(text, signal, source.subject, source.task, tuple(word.text for word in words))


def _words(sentence: Struct, settings: ZucoReadings | None) -> list[_Word]:
    """The words that were looked at, in the order of the text; with their features, if there are settings for them."""
    words = []
    for word in sentence.structs("word"):
        if "nFixations" not in word.fields or not (word.numbers("nFixations") > 0).any():  # also if empty or NaN
            continue
        positions = word.numbers("fixPositions")
        first = float(np.nanmin(positions)) if np.isfinite(positions).any() else np.inf
        features = _of_bands(word, settings.measure) if settings is not None else np.empty(0)
        words.append(_Word(corrected(word.text("content")), first, features))
    return words


def _of_bands(word: Struct, measure: str) -> NDArray[np.float64]:
    n = len(CHANNELS)
    bands = [word.numbers(f"{measure}_{band}").ravel() for band in BANDS]
    for band, values in zip(BANDS, bands, strict=True):
        if values.size > 1 and values.size != n:  # none, or a single NaN, stands for no value
            _refuse_channels(values.size, f"{measure}_{band} of the word '{word.text('content')}'")
    return np.concatenate([values if values.size == n else np.full(n, np.nan) for values in bands])


def _features(words: Sequence[_Word], settings: ZucoReadings) -> Floats | str:
    """Float32 (n_words, 840)."""
    if len(words) > settings.max_words:
        return f"with more than {settings.max_words} words"
    features = np.stack([word.features for word in words])
    if settings.z_score_words:
        spread = features.std(axis=1, ddof=1, keepdims=True)
        features = (features - features.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, np.nan)
    if not np.isfinite(features).all():
        return f"with missing or NaN {settings.measure} features"
    return features.astype(np.float32)


def _waves(sentence: Struct, max_s: float, spec: PreprocessingSpec) -> Floats | str:
    """Float32 (105, n_times), preprocessed as if the sentence's first sample had stood there for ever."""
    raw = sentence.numbers("rawData")
    if raw.size <= 1:
        return "without EEG"
    if raw.shape[0] != len(CHANNELS):
        _refuse_channels(raw.shape[0], "rawData")
    if not np.isfinite(raw).all():
        return "with NaN in their EEG"
    if raw.shape[1] > max_s * SFREQ:
        return f"that took more than {max_s:g} s"
    times = np.arange(raw.shape[1]) / SFREQ
    return np.asarray(Preprocessor(spec).process(Chunk(raw.astype(np.float32), times, 0)).data)


def _refuse_channels(n: int, what: str) -> None:
    raise ChannelError(
        f"must have {len(CHANNELS)} channels, as ZuCo has; {what} has {n}. Fetch the file again, or leave it out."
    )


def _note(path: Path, reason: str, texts: Sequence[str]) -> str:
    named = "; ".join(f"'{' '.join(text.split())[:40]}'" for text in texts[:_NAMED])
    more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return f"'{path.name}': left out {len(texts)} sentence(s) {reason}: {named}{more}."
