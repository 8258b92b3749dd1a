"""Saved objects are read, and nothing that a file says is run."""

from __future__ import annotations

import os
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import RecordingError
from training.data.object_files import read_objects

CONTENT = {
    "trials": np.random.default_rng(0).normal(size=(3, 4, 5, 400)),
    "single": np.arange(6, dtype=np.float32).reshape(2, 3),
    "by columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big-endian": np.arange(4, dtype=">i4"),
    "yes": np.array([True, False]),
    "words": np.array(["Pz", "PO10"]),
    "names": ["Pz", "PO10"],
    "mixed": ("a", 2, 2.5, None, True, -70000),
    "one word": np.str_("Pz"),
    "one number": np.float64(0.25),
    "empty": {},
}


def _same(found: object, saved: object) -> bool:
    if isinstance(saved, np.ndarray):
        return found.dtype == saved.dtype and np.array_equal(found, saved)
    return found == saved


@pytest.mark.parametrize("protocol", [3, 4])
def test_what_was_pickled_comes_back(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(pickle.dumps(CONTENT, protocol))
    found = read_objects(path)
    assert list(found) == list(CONTENT)
    assert all(_same(found[key], CONTENT[key]) for key in CONTENT)


def test_what_numpy_saved_comes_back(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", CONTENT)
    found = read_objects(tmp_path / "a.npy")
    assert all(_same(found[key], CONTENT[key]) for key in CONTENT)
    assert not found["trials"].flags.writeable


def test_an_archive_of_plain_arrays_will_do(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", trials=CONTENT["trials"], names=CONTENT["names"])
    found = read_objects(tmp_path / "a.npz")
    np.testing.assert_array_equal(found["trials"], CONTENT["trials"])
    assert found["names"].tolist() == CONTENT["names"]


def test_large_arrays_are_mapped_and_not_read(tmp_path: Path) -> None:
    size = 40 * 2**20
    (tmp_path / "a.npy").write_bytes(pickle.dumps({"trials": np.zeros(size // 8)}, 4))
    tracemalloc.start()
    found = read_objects(tmp_path / "a.npy")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found["trials"].nbytes == size
    assert peak < size / 20


class _Runs:
    """An object that makes a folder as soon as it is loaded."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def __reduce__(self) -> tuple:
        return os.mkdir, (self._folder,)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_in_a_file_is_run(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "a.npy").write_bytes(pickle.dumps({"trials": _Runs(tmp_path / "made")}, protocol))
    with pytest.raises(RecordingError, match="without running"):
        read_objects(tmp_path / "a.npy")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", ["numpy.load", "numpy._core.multiarray._reconstruct", "os.system", "numpy.dtype"])
def test_a_name_leads_to_no_function(tmp_path: Path, name: str) -> None:
    module, _, what = name.rpartition(".")
    call = b"\x80\x03c" + f"{module}\n{what}\n".encode() + b"X\x04\x00\x00\x00true\x85R."
    (tmp_path / "a.npy").write_bytes(call)
    with pytest.raises(RecordingError, match=r"the name|a call of"):
        read_objects(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "content",
    [
        {"a": {1, 2}},
        {"a": np.array([1 + 2j])},
        {"a": np.zeros(2, [("x", "f4"), ("y", "i2")])},
        {"a": np.array(["2026-01-01"], "datetime64[D]")},
        {1: "a"},
        ["a"],
        np.arange(3.0),
    ],
)
def test_anything_else_is_refused_with_a_way_out(tmp_path: Path, content: object) -> None:
    (tmp_path / "a.npy").write_bytes(pickle.dumps(content, 4))
    with pytest.raises(RecordingError, match=r"'a\.npy' must hold a dictionary.*numpy\.savez\('a\.npz'"):
        read_objects(tmp_path / "a.npy")


def test_a_file_that_is_missing_empty_or_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with pytest.raises(RecordingError, match="No such file"):
        read_objects(path)
    whole = pickle.dumps(CONTENT, 4)
    for n in (0, 1, 2, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:n])
        with pytest.raises(RecordingError, match="Fetch it again"):
            read_objects(path)


def test_no_changed_byte_gives_anything_but_a_clear_error_or_plain_values(tmp_path: Path) -> None:
    small = {"a": np.arange(3.0), "names": ["x", "y"]}
    whole, rng = pickle.dumps(small, 4), np.random.default_rng(0)
    for _ in range(400):
        changed = bytearray(whole)
        changed[rng.integers(len(whole))] = rng.integers(256)
        (tmp_path / "a.npy").write_bytes(changed)
        try:
            found = read_objects(tmp_path / "a.npy")
        except RecordingError:
            continue
        assert isinstance(found, dict)
