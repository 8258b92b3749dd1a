"""fMRI runs in the BIDS layout with their event tables, as OpenNeuro publishes them (ds001506, deep image reconstruction).

Columns of a table of seen pictures: onset, duration, event_type (1 a picture, 2 the one before again, negative rest),
stimulus_id, stimulus_name. Of imagery: onset, duration, event_type (1 cue, 2 imagery, 3 rating, 4 gap), category_name.
Which of the two it is, the columns tell. Volumes should be aligned over runs before they are read here.

Source: Shen, Horikawa, Majima & Kamitani (2019), Deep image reconstruction from human brain activity, PLoS Comput Biol
15(1):e1006633; OpenNeuro ds001506.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bci_app.contract.errors import RateError, RecordingError, SettingsError
from bci_app.contract.signal import Recording
from training.data.brain import BrainTrials, Images, together
from training.data.fmri import Event, FmriRecipe, Place, cut_events, z_score
from training.data.nifti import Mask, read_voxels
from training.data.stimuli import known_ids

_EVENTS = "_events.tsv"
_NOT_KNOWN = {"", "n/a", "on/a"}
"""One published table says on/a for n/a."""
_SYNSET = re.compile(r"(n\d{8})_\d+")
_PERCEPTION, _IMAGERY = (
    {"onset", "duration", "event_type", "stimulus_name"},
    {"onset", "duration", "event_type", "category_name"},
)
_SEEN, _AGAIN, _IMAGINED = 1, 2, 2


@dataclass(frozen=True, slots=True)
class FmriRun:
    """Files of one run, and whose it is."""

    bold: Path
    events: Path
    subject: str
    session: str
    run: str


def find_runs(
    folder: Path, *, subject: str = "*", session: str = "*", volumes: Path | None = None, space: str = ""
) -> list[FmriRun]:
    """The runs of a data set, in order.

    Parameters
    ----------
    folder : Path
        Holds ``sub-SUBJECT/ses-SESSION/func/*_events.tsv``, with or without the folders of sessions.
    subject, session : str
        Which, without ``sub-`` and ``ses-``; a star stands for anything, such as ``perceptionNaturalImage*``.
    volumes : Path, optional
        Where preprocessed volumes lie, named like the tables up to the run; beside the tables without it.
    space : str
        Part of the name of those to take, where there are several.

    Raises
    ------
    RecordingError
        If there is no table, or a table has not exactly one file of volumes.
    """
    tables = [
        path
        for where in (f"sub-{subject}/ses-{session}/func", *([f"sub-{subject}/func"] if session == "*" else []))
        for path in Path(folder).glob(f"{where}/*{_EVENTS}")
    ]
    if not tables:
        raise RecordingError(
            f"'{folder}' must hold sub-{subject}/ses-{session}/func/*{_EVENTS}; it holds none. Check path, subject and "
            "session."
        )
    return [_run(path, volumes, space) for path in sorted(tables, key=_natural)]


def category_of(stimulus: str) -> str:
    """Category in a stimulus name: the synset of a photograph, or the last word of a shape's or letter's name."""
    match = _SYNSET.fullmatch(stimulus)
    return match.group(1) if match else stimulus.split("_")[-1]


def read_events(
    path: Path, *, keep_repeats: bool = False, category: Callable[[str], str] = category_of
) -> tuple[list[Event], int]:
    """What was seen or imagined in a run.

    Parameters
    ----------
    path : Path
        Table with the columns above.
    keep_repeats : bool
        Keep pictures that repeat the one before, for which the participant pressed a button.
    category : callable
        Category of a stimulus name.

    Returns
    -------
    events : list of Event
        Seen pictures with their names, imagined categories without.
    n_left_out : int
        Repeats left out.

    Raises
    ------
    RecordingError
        If it cannot be read, has other columns, or lacks something where a picture was shown.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, ValueError, csv.Error) as error:
        raise RecordingError(f"The table of events '{path}' cannot be read: {error}. Fetch it again.") from error
    columns = set(rows[0]) if rows else set()
    if not (columns >= _PERCEPTION or columns >= _IMAGERY):
        raise RecordingError(
            f"'{path.name}' must have the columns {', '.join(sorted(_PERCEPTION))}, or category_name for stimulus_name; it "
            f"has {', '.join(map(str, rows[0])) if rows else 'no rows'}. Name the columns so."
        )
    seen = columns >= _PERCEPTION
    wanted = {_SEEN, *([_AGAIN] if keep_repeats else [])} if seen else {_IMAGINED}
    events, n_left_out = [], 0
    for number, row in enumerate(rows, start=2):
        kind = _number(row, "event_type", path, number)
        if kind in wanted:
            word = _word(row, "stimulus_name" if seen else "category_name", path, number)
            onset_s, duration_s = (_number(row, key, path, number) for key in ("onset", "duration"))
            events.append(Event(onset_s, duration_s, category(word) if seen else word, word if seen else ""))
        n_left_out += seen and kind == _AGAIN and not keep_repeats
    return events, n_left_out


def read_openneuro(
    runs: Sequence[FmriRun],
    mask: Mask,
    recipe: FmriRecipe,
    *,
    keep_repeats: bool = False,
    category: Callable[[str], str] = category_of,
    images: Mapping[str, Images] | None = None,
    name: str = "fMRI",
) -> BrainTrials:
    """Trials of several runs, of which one is in memory at a time, and of it the voxels in the mask alone.

    Parameters
    ----------
    runs : sequence of FmriRun
        See `find_runs`.
    mask : Mask
        See `training.data.nifti.read_mask`.
    recipe : FmriRecipe
        How to shift, average and scale.
    keep_repeats, category
        See `read_events`.
    images : mapping of str to uint8 array (height, width, 3), optional
        Pictures by stimulus name. Equal pictures under two names get the id of the first.
    name : str
        What the user calls them.

    Raises
    ------
    RecordingError, SignalError
        If a file cannot be read, or voxels are not finite or, to be z-scored, do not vary.
    SettingsError
        If there is no run, blocks differ in duration, the grids differ, or a picture is not among `images`.
    RateError
        If runs differ in their repetition time.
    """
    if not runs:
        raise SettingsError("Trials are read from at least one run; got none. See find_runs.")
    parts: list[BrainTrials] = []
    n_repeats = 0
    for run in runs:
        events, n_left_out = read_events(run.events, keep_repeats=keep_repeats, category=category)
        n_repeats += n_left_out
        parts.append(_read(run, mask, recipe, [replace(event, run=run.run) for event in events]))
        _check_rate(parts[-1], parts[0])
    trials = together(parts, name)
    pictures = trials.pictures if images is None else known_ids(trials.pictures, images, name)
    left_out = (f"Left out {n_repeats} one-back repeats.",) if n_repeats else ()
    return replace(trials, pictures=pictures, images=images or {}, notes=(*left_out, *trials.notes))


def _run(table: Path, volumes: Path | None, space: str) -> FmriRun:
    """The run of a table of events, with its file of volumes."""
    stem = table.name.removesuffix(_EVENTS)
    pattern = f"{stem}*bold.nii*"
    place = table.parent if volumes is None else Path(volumes)
    found = [path for path in (place.glob(pattern) if volumes is None else place.rglob(pattern)) if space in path.name]
    if len(found) != 1:
        raise RecordingError(
            f"Each run has one file of volumes, '{pattern}'; '{place}' has {len(found)} of them"
            f"{', such as ' + found[0].name if found else ''}. Name the folder of the volumes, and the space if there "
            "are several."
        )
    parts = dict(part.split("-", 1) for part in stem.split("_") if "-" in part)
    return FmriRun(found[0], table, parts.get("sub", ""), parts.get("ses", ""), parts.get("run", stem))


def _read(run: FmriRun, mask: Mask, recipe: FmriRecipe, events: list[Event]) -> BrainTrials:
    voxels, tr_s = read_voxels(run.bold, mask, recipe.tr_s)
    name = run.events.name.removesuffix(_EVENTS)
    if recipe.scaling == "run":
        voxels = z_score(voxels, mask.voxels, f"'{name}'")
    times = np.arange(voxels.shape[1], dtype=np.float64) * tr_s
    recording = Recording(voxels, times, mask.voxels, 1 / tr_s, name=name, unit="au")
    return cut_events(recording, events, recipe, Place(run.subject, run.session))


def _check_rate(part: BrainTrials, first: BrainTrials) -> None:
    got, wanted = (1 / each.preprocessing.sfreq for each in (part, first))
    if got != wanted:
        raise RateError(
            f"Runs are read together only with one repetition time; '{part.name}' has {got:g} s, '{first.name}' "
            f"{wanted:g} s. Read them apart."
        )


def _natural(path: Path) -> list[tuple[int, str]]:
    """A sort key by which run-2 comes before run-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def _word(row: Mapping[str, str | None], column: str, path: Path, number: int) -> str:
    word = row[column] or ""
    if word in _NOT_KNOWN:
        raise RecordingError(
            f"Line {number} of '{path.name}' must have {column}; it has '{word}'. Correct it, or fetch the table again."
        )
    return word


def _number(row: Mapping[str, str | None], column: str, path: Path, number: int) -> float:
    word = _word(row, column, path, number)
    try:
        return float(word)
    except ValueError:
        raise RecordingError(
            f"Line {number} of '{path.name}' must have a number in {column}; it has '{word}'. Correct it."
        ) from None
