"""XDF files through pyxdf; what pyxdf would leave out silently is an error here."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyxdf

from bci_app.contract.errors import RecordingError
from bci_app.contract.signal import Marker, Recording, Samples, Times
from bci_app.contract.units import Unit
from bci_app.streams.integrity import count_xdf_samples, open_maybe_packed
from bci_app.streams.source import MAX_CHANNELS, MAX_SFREQ_HZ, scale_to, unit_of

_EEG_TYPES = ("eeg", "exg")
_MARKER_TYPES = ("marker", "event")
_BREAK_S = 0.25  # a longer silence is a gap and is kept as one when jitter is taken out


def read_xdf(path: Path, stream: str | None = None, unit: str | None = None, partial: bool = False) -> Recording:
    """The EEG stream of an XDF file, with the markers of all its marker streams.

    Clocks are brought together as pyxdf does it. Time stamps that are regular are kept as they are; those
    of a sender that stamps on arrival are replaced by a straight line for each stretch without a gap.

    Parameters
    ----------
    path : Path
        The file.
    stream : str or None
        Name or id of the stream; needed where not exactly one is of type EEG (or ExG).
    unit : str or None
        Unit of channels that the file gives no known unit for.
    partial : bool
        Take a file that was cut for what it holds.

    Raises
    ------
    RecordingError
        If the file is cut, or holds no such stream, or one that cannot be EEG.
    UnitError
        If a channel is in no known unit and none was declared.
    """
    declared = count_xdf_samples(path, partial)
    streams = _load(path, regular=False, partial=partial)
    chosen = _choose(streams, stream, path)
    _check_complete(chosen, declared, path)
    sfreq = _checked_rate(chosen, path)
    times: Times = np.asarray(chosen["time_stamps"], dtype=np.float64)
    if not (np.diff(times) > 0.5 / sfreq).all():
        streams = _load(path, regular=True, partial=partial)
        chosen = next(each for each in streams if each["info"]["stream_id"] == chosen["info"]["stream_id"])
        times = np.asarray(chosen["time_stamps"], dtype=np.float64)
    if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise RecordingError(
            f"The time stamps of stream '{_one(chosen, 'name')}' in '{path.name}' must grow; they do not. "
            "Its clock was set back during the recording, or the file is damaged."
        )
    channels, data, kind = _signal(chosen, unit, path)
    return Recording(data, times, channels, sfreq, _markers(streams), path.stem, kind)


def _load(path: Path, regular: bool, partial: bool) -> list[dict[str, Any]]:
    logging.getLogger(pyxdf.__name__).setLevel(logging.CRITICAL)  # what it says of a file, the checks here say in words
    try:
        with open_maybe_packed(path, partial) as file:
            streams, _ = pyxdf.load_xdf(
                file,
                dejitter_timestamps=regular,
                jitter_break_threshold_seconds=_BREAK_S,
                jitter_break_threshold_samples=1,
                verbose=None,
            )
    except Exception as error:  # pyxdf lets whatever a damaged file provokes through
        raise RecordingError(f"'{path.name}' cannot be read as XDF: {error}. Read an intact copy.") from error
    return list(streams)


def _one(stream: Mapping[str, Any], field: str) -> str:
    value = stream["info"].get(field)
    if isinstance(value, list):
        value = value[0] if value else None
    return "" if value is None else str(value)  # a stream may have the id 0


def _choose(streams: Sequence[dict[str, Any]], wanted: str | None, path: Path) -> dict[str, Any]:
    """The stream asked for, or the only one that is EEG and not empty."""
    if wanted is not None:
        found = [each for each in streams if wanted in (_one(each, "name"), _one(each, "stream_id"))]
    else:
        found = [each for each in streams if _one(each, "type").lower() in _EEG_TYPES and _is_signal(each)]
    if len(found) == 1 and _is_signal(found[0]):
        return found[0]
    listed = "; ".join(
        f"'{_one(each, 'name')}' (id {_one(each, 'stream_id')}, {_one(each, 'type') or 'no type'}, "
        f"{_one(each, 'channel_count')} channels, {len(each['time_stamps'])} samples)"
        for each in streams
    )
    asked = "of type EEG" if wanted is None else f"'{wanted}'"
    raise RecordingError(
        f"'{path.name}' must hold exactly one stream of numbers {asked} that is not empty; it holds "
        f"{len(found)}. Its streams: {listed or 'none'}. Name the one you mean by "
        "its name or id, with --stream or “Stream” in the window."
    )


def _is_signal(stream: Mapping[str, Any]) -> bool:
    return _one(stream, "channel_format") != "string" and len(stream["time_stamps"]) > 0


def _check_complete(stream: Mapping[str, Any], declared: Mapping[int, int], path: Path) -> None:
    """As many samples as the blocks, and the footer, say. (Footers of some recorders say one too few.)"""
    read = len(stream["time_stamps"])
    footer = stream.get("footer", {}).get("info", {}).get("sample_count", ["0"])[0]
    expected = max(declared.get(stream["info"]["stream_id"], 0), int(footer) if str(footer).isdigit() else 0)
    if read < expected:
        raise RecordingError(
            f"{read} of {expected} samples of stream '{_one(stream, 'name')}' in '{path.name}' can be read: "
            "the file is damaged. Read an intact copy."
        )


def _checked_rate(stream: Mapping[str, Any], path: Path) -> float:
    sfreq = float(_one(stream, "nominal_srate") or "nan")
    if not (math.isfinite(sfreq) and 0 < sfreq <= MAX_SFREQ_HZ):
        raise RecordingError(
            f"A signal must have a regular rate of at most {MAX_SFREQ_HZ:g} Hz; stream '{_one(stream, 'name')}' "
            f"in '{path.name}' says {sfreq:g} Hz. Choose another stream with --stream or “Stream” in the window."
        )
    times = np.asarray(stream["time_stamps"], dtype=np.float64)
    measured = 1.0 / max(float(np.mean(_steps(times, sfreq))), 1e-9) if len(times) > 2 else sfreq
    if not 0.8 < measured / sfreq < 1.25:
        raise RecordingError(
            f"Stream '{_one(stream, 'name')}' in '{path.name}' says {sfreq:g} Hz; its time stamps show "
            f"{measured:.4g} Hz. Correct the rate at the sender and record again."
        )
    return sfreq


def _steps(times: Times, sfreq: float) -> Times:
    """Steps between samples in seconds, without those that are gaps."""
    steps: Times = np.diff(times)
    return steps[np.abs(steps) < max(_BREAK_S, 2.5 / sfreq)]


def _signal(stream: Mapping[str, Any], unit: str | None, path: Path) -> tuple[tuple[str, ...], Samples, Unit]:
    """Names of the channels, their samples, and the unit: where the type is not EEG, the first channel says which."""
    what = f"stream '{_one(stream, 'name')}' in '{path.name}'"
    series = np.asarray(stream["time_series"])
    n_channels = series.shape[1]
    described = _described_channels(stream)
    is_eeg = _one(stream, "type").lower() in _EEG_TYPES  # counts of its converter are no spikes
    kind = "uV" if is_eeg else unit_of(_text(described[0], "unit") if described else "", unit)
    if n_channels > MAX_CHANNELS[kind] or (described and len(described) != n_channels):
        raise RecordingError(
            f"The header of {what} must describe each channel, {MAX_CHANNELS[kind]} at most; it describes "
            f"{len(described)} and there are {n_channels}."
        )
    labels = [_text(each, "label") for each in described]
    numbers = [str(number + 1) for number in range(n_channels)]
    channels = tuple(labels if labels and all(labels) else numbers)
    units = [_text(each, "unit") for each in described] or [""] * n_channels
    named = zip(channels, units, strict=True)
    scale = [scale_to(kind, own, f"channel {name} of {what}", unit) for name, own in named]
    return channels, np.ascontiguousarray((series * np.array(scale)).T, dtype=np.float32), kind


def _described_channels(stream: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The channel entries of the header; none where the header is of another form."""
    try:
        return list(stream["info"]["desc"][0]["channels"][0]["channel"])
    except (KeyError, IndexError, TypeError):
        return []


def _text(entry: Mapping[str, Any], field: str) -> str:
    value = (entry or {}).get(field)
    return str(value[0] or "") if isinstance(value, list) and value else ""


def _markers(streams: Sequence[Mapping[str, Any]]) -> tuple[Marker, ...]:
    """Those of all marker streams, in order of time; numbers become text, empty labels are left out."""
    markers = []
    for stream in streams:
        if any(word in _one(stream, "type").lower() for word in _MARKER_TYPES):
            for stamp, sample in zip(stream["time_stamps"], stream["time_series"], strict=True):
                label = sample[0] if isinstance(sample[0], str) else f"{float(sample[0]):g}"
                markers.append(Marker(float(stamp), label))
    return tuple(sorted((each for each in markers if each.label), key=lambda each: each.time))
