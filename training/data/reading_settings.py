"""What a recipe says of reading data: where the readings are, and which of them are kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bci_app.contract.errors import SettingsError
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.reading import SentenceSpec
from training.data.simulated_readings import SimulatedReadingsSettings
from training.settings import Frozen, Share

Measure = Literal["GD", "FFD", "TRT"]
"""Of which fixations a word's features are: of all until the gaze left it for the first time (gaze duration), of the first
one, or of all (total reading time)."""
ZucoTask = Literal["SR", "NR", "TSR", "NR-2", "TSR-2"]
"""Sentiment, normal and task-specific reading of ZuCo 1.0, and the last two of ZuCo 2.0."""
Paths = Annotated[tuple[str, ...], Field(min_length=1)]
"""Paths, or patterns such as ``data/results*_NR.mat``."""


def matching(patterns: Sequence[str]) -> list[Path]:
    """The files that paths and patterns name, each once; SettingsError if there is none of a pattern."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        names = sorted(glob(pattern))  # noqa: PTH207
        if not names and has_magic(pattern) and not Path(pattern).exists():
            raise SettingsError(f"'{pattern}' must match a file; there is none. Check the folder, or leave it out.")
        found |= dict.fromkeys(map(Path, names or [pattern]))
    return list(found)


class Filtering(Frozen):
    """How a raw signal is preprocessed, offline as live; see `PreprocessingSpec.design`."""

    band_hz: tuple[float | None, float | None] = (0.5, 45.0)
    notch_hz: float | None = None
    reference: Literal["average", "none"] = "average"
    decimation: Annotated[int, Field(ge=1, le=64)] = 1

    def spec(self, channels: tuple[str, ...], sfreq: float) -> PreprocessingSpec:
        """What happens to the signal of these channels at this rate; SettingsError if it does not fit the rate."""
        return PreprocessingSpec.design(
            channels, sfreq, self.band_hz, self.notch_hz, self.reference, decimation=self.decimation
        )


class ZucoReadings(Frozen):
    """Result files of ZuCo 1.0 and 2.0, one for each subject and task."""

    kind: Literal["zuco"] = "zuco"
    files: Paths
    tasks: tuple[ZucoTask, ...] | None = None
    """Tasks that are meant; a file of another is refused. Null for those that the files' names tell."""
    reads: Literal["word-features", "waves"] = "word-features"
    measure: Measure = "GD"
    order: Literal["gaze", "sentence"] = "gaze"
    """Words in the order in which they were first looked at, as an eye tracker tells them, or in that of the text."""
    z_score_words: bool = False
    """Divide each word's features by their own spread, see `training.data.zuco.read_zuco`."""
    max_words: Annotated[int, Field(ge=1, le=1000)] = 56
    max_s: float = Field(default=60.0, gt=0, le=600)
    """Of waves: seconds that a sentence may last."""
    filtering: Filtering = Filtering(decimation=4)
    """Of waves, which ZuCo gives at 500 Hz."""


class TableReadings(Frozen):
    """EEG recordings with a table of word onsets each, or with markers of words and sentences."""

    kind: Literal["table"] = "table"
    recordings: Paths
    tables: tuple[str, ...] | None = None
    """One for each recording, in the same order; null where the recordings' own markers tell the words."""
    subjects: tuple[str, ...] | None = None
    """Subject of each recording, where neither its name nor its table tells."""
    task: str = "reading"
    """Where the table does not tell."""
    sentence: SentenceSpec = SentenceSpec()
    filtering: Filtering = Filtering()
    last_word_s: float = Field(default=0.5, gt=0, le=60)
    """How long the last word of a sentence counts, if the table gives no durations."""
    name: str = "readings"
    licence: str = "not recorded"


AnyReadings = SimulatedReadingsSettings | ZucoReadings | TableReadings
ReadingData = Annotated[AnyReadings, Field(discriminator="kind")]
"""Where the readings are."""


class UniqueSentences(Frozen):
    """Shares of all sentences are scored and chosen by; whoever read them, in whatever task, they are nowhere else."""

    kind: Literal["unique_sentences"] = "unique_sentences"
    test: Share = 0.1
    validation: Share = 0.1


class UniqueSubjects(Frozen):
    """Some subjects are scored, with a share of the sentences; nobody else's readings of these are learnt from."""

    kind: Literal["unique_subjects"] = "unique_subjects"
    subjects: Annotated[tuple[str, ...], Field(min_length=1)]
    test: Share = 0.2
    validation: Share = 0.1
    shared_sentences: bool = False
    """Score all readings of these subjects, though others' readings of the same sentences were learnt from."""


class SentenceFolds(Frozen):
    """Every sentence is scored once."""

    kind: Literal["sentence_folds"] = "sentence_folds"
    n_folds: Annotated[int, Field(ge=2)] = 5
    validation: Share = 0.1


class SimulatedParts(Frozen):
    """Of simulated readings, sentences of the part "test" are scored, which is also what the simulated reader reads live."""

    kind: Literal["simulated_parts"] = "simulated_parts"
    validation: Share = 0.1
    """Of the sentences of the part "train"."""


AnyReadingSplit = UniqueSentences | UniqueSubjects | SentenceFolds | SimulatedParts
ReadingSplitSettings = Annotated[AnyReadingSplit, Field(discriminator="kind")]
"""Which readings are kept apart."""
