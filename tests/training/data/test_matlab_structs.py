"""Arrays of structs are the same in both versions of MATLAB's files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import RecordingError
from tests.training.data.zuco_files import EMPTY, Fields, write_version5, write_version73
from training.data.matlab_structs import open_structs

EITHER = pytest.mark.parametrize("write", [write_version5, write_version73])
Write = Callable[[Path, list[Fields], str], Path]
MATRIX = np.arange(6.0).reshape(2, 3)


def _structs(n: int) -> list[Fields]:
    inside = [{"text": "inner", "value": MATRIX}] * n
    return [
        {
            "a_cell": (MATRIX, MATRIX),
            "inside": inside,
            "matrix": MATRIX + number,
            "nothing": EMPTY,
            "text": f"né {number} 🧠",
        }
        for number in range(n)
    ]


@EITHER
@pytest.mark.parametrize("n", [1, 3])
def test_fields_are_read_as_matlab_has_them(tmp_path: Path, write: Write, n: int) -> None:
    with open_structs(write(tmp_path / "a.mat", _structs(n), "s"), "s") as structs:
        assert len(structs) == n
        for number, struct in enumerate(structs):
            assert set(struct.fields) == {"a_cell", "inside", "matrix", "nothing", "text"}
            assert struct.text("text") == f"né {number} 🧠"
            np.testing.assert_array_equal(struct.numbers("matrix"), MATRIX + number)
            assert (struct.numbers("nothing").size, struct.text("nothing")) == (0, "")
            assert len(struct.structs("inside")) == n
            assert struct.structs("inside")[-1].text("text") == "inner"
            assert struct.structs("matrix") == ()


@EITHER
@pytest.mark.parametrize(
    ("read", "field"), [("text", "matrix"), ("text", "inside"), ("numbers", "text"), ("numbers", "inside")]
)
def test_what_a_field_does_not_hold_is_told(tmp_path: Path, write: Write, read: str, field: str) -> None:
    with open_structs(write(tmp_path / "a.mat", _structs(2), "s"), "s") as structs:
        with pytest.raises(ValueError, match=f"'{field}' must be"):
            getattr(structs[0], read)(field)
        with pytest.raises((KeyError, ValueError)):
            structs[0].numbers("absent")


@EITHER
def test_a_variable_that_is_absent_or_no_struct_is_refused_with_what_there_is(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path / "a.mat", _structs(1), "s")
    with (
        pytest.raises(RecordingError, match=r"'a\.mat' must hold an array of structs 't'; it holds s\."),
        open_structs(path, "t"),
    ):
        pass


@pytest.mark.parametrize(
    "content", [b"", b"no MATLAB file", b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x0f" * 40]
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(RecordingError, match=r"'a\.mat' must be a MATLAB file"), open_structs(tmp_path / "a.mat", "s"):
        pass
