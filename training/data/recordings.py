"""EEG recordings on disk as trials: cut by the live code, one file a run of a participant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.contract.checks import check_finite, check_not_flat, listed
from bci_app.contract.errors import ChannelError, RateError, SettingsError, UnitError
from bci_app.contract.preprocessing import cut_trials
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.windowing import samples_per_window
from bci_app.pictures.shown import picture_label
from bci_app.streams.bad_channels import bad_in_any, without_channels
from bci_app.streams.recordings import read_recording
from bci_app.streams.run_folder import participant_of_run
from training.data.brain import BrainTrials, Images, together
from training.data.stimuli import equal_ids

_BIDS = {"subject": "sub", "session": "ses", "run": "run"}
_OUR_PICTURE = re.compile(r"[^/]+/(?P<label>[^/]+)/[0-9a-f]{12}")
"""How this program names a picture: family, what it shows, and the hash of its pixels."""
_NAMED = 5


class _Shown(NamedTuple):
    """Picture id and category, either of them empty if not known."""

    picture: str
    label: str


def read_recordings(
    files: Sequence[Path],
    recipe: CalibrationRecipe,
    *,
    subjects: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    pictures: Mapping[str, Images] | None = None,
    reject_uv: float | None = None,
    name: str = "recordings",
) -> BrainTrials:
    """Trials of one or more recordings.

    Parameters
    ----------
    files : sequence of Path
        Recordings, or run folders of this program; each is a run. A name such as ``sub-1_ses-2_run-3_eeg.fif`` tells
        participant, session and run; without ``run-`` the file's name is the run.
    recipe : CalibrationRecipe
        How to filter and cut.
    subjects : sequence of str, optional
        Participant of each file, where the names do not tell.
    labels : mapping of str to str, optional
        Category of each marker label, without ``shown/``. Without it the ids of pictures that this program showed tell
        the category; without `pictures` too, they alone count as trials where there are any, and else each marker is a
        category.
    pictures : mapping of str to uint8 array (height, width, 3), optional
        Pictures by marker label. Equal pictures under two labels get the id of the first.
    reject_uv : float, optional
        A trial in which a channel spans more microvolts after preprocessing is left out.
    name : str
        What the user calls them.

    Returns
    -------
    BrainTrials
        In the order of files and markers, without the channels that are marked bad in any of the files; notes count what was
        left out and why.

    Raises
    ------
    SettingsError
        If there is no file, no marker, or no marker that `labels` or `pictures` know.
    RecordingError, SignalError, UnitError
        If a file cannot be read, or is no EEG, or a channel is flat or holds NaN.
    ChannelError, RateError
        If files differ in channels or rate.
    """
    if not files or (subjects is not None and len(subjects) != len(files)):
        raise SettingsError(
            f"Recordings are read from one file or more, with one participant each if any are given; got {len(files)} "
            f"files and {len(subjects or ())} participants. Name them."
        )
    parts: list[BrainTrials] = []
    bad = bad_in_any(map(Path, files))
    for number, path in enumerate(files):
        recording = without_channels(read_recording(Path(path)), bad)
        if parts:
            _check_alike(recording, parts[0])
        place = _place(Path(path)) | ({"subject": subjects[number]} if subjects is not None else {})
        parts.append(_trials(recording, place, recipe, labels, pictures, reject_uv))
    trials = together(parts, name)
    if not len(trials):
        raise SettingsError(f"'{name}' has no trial to learn from. {' '.join(trials.notes)}")
    return replace(trials, notes=(f"Left out, as marked bad: {listed(bad)}.", *trials.notes)) if bad else trials


def require_classes(trials: BrainTrials, n: int = 2) -> tuple[str, ...]:
    """The categories of the trials, sorted.

    Raises
    ------
    SettingsError
        If they are fewer than `n`, or a trial has none.
    """
    counts = Counter(trials.labels)
    if len(counts) < n or "" in counts:
        found = ", ".join(f"{label or 'without category'} ({count})" for label, count in sorted(counts.items()))
        raise SettingsError(
            f"Categories are told apart from at least {n}, one for each trial; '{trials.name}' has {found or 'none'}. "
            "Check the marker labels, and that no category was lost with the trials left out."
        )
    return tuple(sorted(counts))


def _check_alike(recording: Recording, first: BrainTrials) -> None:
    channels, sfreq = first.preprocessing.channels, first.preprocessing.sfreq
    if recording.channels != channels:
        missing = [each for each in channels if each not in recording.channels]
        extra = [each for each in recording.channels if each not in channels]
        compared = (("lacks", missing), ("also has", extra))
        differs = " and ".join(f"{word} {', '.join(each)}" for word, each in compared if each)
        raise ChannelError(
            f"Recordings are read together only with the same channels in the same order; '{recording.name}' "
            f"{differs or 'has them in another order'}, compared with '{first.name}'. Read those of one montage only."
        )
    if recording.sfreq != sfreq:
        raise RateError(
            f"Recordings are read together only at the same rate; '{recording.name}' has {recording.sfreq:g} Hz, "
            f"'{first.name}' {sfreq:g} Hz. Read those of one rate only."
        )


def _place(path: Path) -> dict[str, str]:
    """Subject, session and run in a name such as ``sub-1_ses-2_run-3_eeg.fif``; of a run folder, its participant."""
    found = {}
    for key, word in _BIDS.items():
        match = re.search(rf"(?:^|_){word}-([A-Za-z0-9]+)", path.name)
        found[key] = match.group(1) if match else ""
    found["subject"] = found["subject"] or participant_of_run(path)
    return found | ({} if found["run"] else {"run": path.name.split(".")[0]})


def _trials(
    recording: Recording,
    place: Mapping[str, str],
    recipe: CalibrationRecipe,
    labels: Mapping[str, str] | None,
    pictures: Mapping[str, Images] | None,
    reject_uv: float | None,
) -> BrainTrials:
    if recording.unit != "uV":
        raise UnitError(
            f"EEG is read in microvolts; '{recording.name}' is in '{recording.unit}'. Choose an EEG recording."
        )
    known = _known(recording, labels, pictures)
    what = f"The recording '{recording.name}'"
    check_finite(recording.data, recording.channels, what)
    check_not_flat(recording.data, recording.channels, what)
    spec = recipe.preprocessing(recording.channels, recording.sfreq)
    whole, dropped = cut_trials(recording, spec, recipe.cut)
    meant = [trial for trial in whole if _name(trial.marker) in known]
    kept = [trial for trial in meant if reject_uv is None or np.ptp(trial.window.data, axis=1).max() <= reject_uv]
    shown = [known[_name(trial.marker)] for trial in kept]
    shape = (len(kept), len(spec.channels), samples_per_window(recipe.cut, spec.output_sfreq))
    return BrainTrials(
        np.array([trial.window.data for trial in kept], np.float32).reshape(shape),
        spec,
        recipe.cut,
        pictures=tuple(each.picture for each in shown),
        labels=tuple(each.label for each in shown),
        runs=(place["run"],) * len(kept),
        sessions=(place["session"],) * len(kept),
        subjects=(place["subject"],) * len(kept),
        images={known[key].picture: image for key, image in (pictures or {}).items() if key in known},
        name=recording.name,
        notes=_notes(recording, known, [marker for marker, _ in dropped], len(meant) - len(kept), reject_uv),
    )


def _known(
    recording: Recording, labels: Mapping[str, str] | None, pictures: Mapping[str, Images] | None
) -> dict[str, _Shown]:
    """What each marker label shows, for those that show anything."""
    found = list(dict.fromkeys(_name(marker) for marker in recording.markers))
    if not found:
        raise SettingsError(
            f"Trials are cut at markers; recording '{recording.name}' has none. Record the marker stream with the EEG, "
            "or add annotations to the file."
        )
    lists = [each for each in (labels, pictures) if each is not None]
    meant = [label for label in found if all(label in each for each in lists)]
    if not lists:
        meant = [label for label in found if _OUR_PICTURE.fullmatch(label)] or found
    if not meant:
        raise SettingsError(
            f"The markers of '{recording.name}' are {_some(found)}; none of them is in the list of "
            f"{'categories' if pictures is None else 'pictures'}, which has {_some(list(lists[-1]))}. Give the list that "
            "belongs to this recording."
        )
    ids = equal_ids(pictures or {})
    return {label: _shown(label, labels, ids if pictures is not None else None) for label in meant}


def _shown(label: str, labels: Mapping[str, str] | None, ids: Mapping[str, str] | None) -> _Shown:
    ours = _OUR_PICTURE.fullmatch(label)
    picture = ids[label] if ids is not None else label if ours else ""
    if labels is not None:
        return _Shown(picture, labels[label])
    return _Shown(picture, ours["label"] if ours else "" if ids is not None else label)


def _name(marker: Marker) -> str:
    return picture_label(marker.label)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return (", ".join(names[:_NAMED]) or "none") + (f" and {more} more" if more > 0 else "")


def _notes(
    recording: Recording,
    known: Mapping[str, _Shown],
    dropped: Sequence[Marker],
    n_rejected: int,
    reject_uv: float | None,
) -> tuple[str, ...]:
    n_unknown = sum(_name(marker) not in known for marker in recording.markers)
    n_incomplete = sum(_name(marker) in known for marker in dropped)
    left_out = (
        (n_unknown, "markers that name no known picture or category"),
        (n_incomplete, "trials with missing samples, or beyond the recording"),
        (n_rejected, f"trials in which a channel spans more than {reject_uv} uV"),
    )
    return tuple(f"'{recording.name}': left out {n} {what}." for n, what in left_out if n)
