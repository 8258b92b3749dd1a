"""Result files of ZuCo, written on the spot in both of their published layouts."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import savemat

N_CHANNELS = 105
BANDS = ("t1", "t2", "a1", "a2", "b1", "b2", "g1", "g2")
MEASURES = ("FFD", "GD", "TRT")
EMPTY = np.empty((0, 0))
NAN = np.array([[np.nan]])

_NUMBERS = itertools.count()

Fields = dict[str, Any]
"""A struct: its fields are text, matrices with MATLAB's axes, lists of structs (an array), or tuples of matrices (a cell)."""


def word(text: str, first_fixation: int | None = None, value: float = 0.0, n_channels: int = N_CHANNELS) -> Fields:
    """A word; of one that was looked at, channel c of band b of measure m holds value + 1000 m + 100 b + c / 1000."""
    looked_at = first_fixation is not None
    fields: Fields = {
        "content": text,
        "fixPositions": np.array([[first_fixation, first_fixation + 20.0]]) if looked_at else EMPTY,
        "nFixations": np.array([[2.0]]) if looked_at else EMPTY,
        "rawEEG": (np.zeros((n_channels, 3)), np.zeros((n_channels, 2))) if looked_at else EMPTY,
    }
    for m, measure in enumerate(MEASURES):
        fields[measure] = np.array([[88.0]]) if looked_at else EMPTY
        for b, band in enumerate(BANDS):
            amplitudes = value + 1000 * m + 100 * b + np.arange(n_channels)[None] / 1000
            fields[f"{measure}_{band}"] = amplitudes if looked_at else EMPTY
    return fields


def sentence(text: Any, words: list[Fields] | None, n_times: int = 50, value: float = 0.0) -> Fields:
    """A sentence; its EEG grows by one from sample to sample and by a hundredth from channel to channel."""
    waves = value + np.arange(n_times)[None] + np.arange(N_CHANNELS)[:, None] / 100
    return {
        "content": text,
        "rawData": waves if n_times else NAN,
        **{f"mean_{band}": np.zeros((1, N_CHANNELS)) for band in BANDS},
        "word": NAN if words is None else words,
        "omissionRate": np.array([[0.25]]),
    }


def write_version5(path: Path, sentences: list[Fields], variable: str = "sentenceData") -> Path:
    """As MATLAB saves it without a switch."""
    savemat(path, {variable: _records(sentences)})
    return path


def write_version73(path: Path, sentences: list[Fields], variable: str = "sentenceData") -> Path:
    """As MATLAB saves it with ``-v7.3``: HDF5 behind 512 bytes that say so."""
    with h5py.File(path, "w", userblock_size=512) as file:
        references = file.create_group("#refs#")
        _write_structs(file, variable, sentences, references)
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM")
    return path


def _records(structs: list[Fields]) -> np.ndarray:
    names = list(dict.fromkeys(name for each in structs for name in each))
    records = np.empty((1, len(structs)), dtype=[(name, object) for name in names])
    for number, each in enumerate(structs):
        for name in names:
            records[name][0, number] = _value5(each.get(name, EMPTY))
    return records


def _value5(value: Any) -> Any:
    if isinstance(value, list):
        return _records(value)
    if isinstance(value, tuple):
        cell = np.empty((1, len(value)), dtype=object)
        for number, each in enumerate(value):
            cell[0, number] = each
        return cell
    return value


def _write_structs(parent: h5py.Group, name: str, structs: list[Fields], references: h5py.Group) -> None:
    group = parent.create_group(name)
    group.attrs["MATLAB_class"] = np.bytes_("struct")
    for field in dict.fromkeys(field for each in structs for field in each):
        values = [each.get(field, EMPTY) for each in structs]
        if len(structs) == 1:  # no array: the value itself
            _write_value(group, field, values[0], references)
        else:
            group.create_dataset(field, data=_referred(values, references), dtype=h5py.ref_dtype)


def _referred(values: list[Any], references: h5py.Group) -> np.ndarray:
    found = np.empty((len(values), 1), dtype=h5py.ref_dtype)
    for number, value in enumerate(values):
        name = f"r{next(_NUMBERS)}"
        _write_value(references, name, value, references)
        found[number, 0] = references[name].ref
    return found


def _write_value(parent: h5py.Group, name: str, value: Any, references: h5py.Group) -> None:
    if isinstance(value, list):
        _write_structs(parent, name, value, references)
        return
    if isinstance(value, tuple):
        dataset = parent.create_dataset(name, data=_referred(list(value), references), dtype=h5py.ref_dtype)
        kind = "cell"
    elif isinstance(value, str) and value:
        codes = np.frombuffer(value.encode("utf-16-le"), "<u2").reshape(-1, 1)
        dataset, kind = parent.create_dataset(name, data=codes), "char"
    else:
        array = EMPTY if isinstance(value, str) else np.asarray(value)
        kind = "char" if isinstance(value, str) else "double"
        is_empty = array.size == 0
        dataset = parent.create_dataset(name, data=np.array(array.shape, "<u8") if is_empty else array.T)
        if is_empty:
            dataset.attrs["MATLAB_empty"] = np.uint8(1)
    dataset.attrs["MATLAB_class"] = np.bytes_(kind)
