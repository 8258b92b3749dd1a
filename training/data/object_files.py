"""Dictionaries of arrays and names that were saved as Python objects, read without running what the file says.

Loading such a file in the usual way hands control to it: it may name any function, which is then called. Here only the
instructions are understood that put numbers, words, lists, dictionaries and numpy's own arrays together, and no name in
the file leads to a function. An array's bytes lie in the file as they are, so a large one is mapped and not read.
"""

from __future__ import annotations

import mmap
import pickletools  # justified: it splits the file into its instructions and never follows one
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import RecordingError

_NPY = b"\x93NUMPY"
_MAPPED_BYTES = 2**16
"""Runs of bytes longer than this are mapped."""
_NAMES = {
    **{f"{module}.multiarray _reconstruct": "array" for module in ("numpy.core", "numpy._core")},
    **{f"{module}.multiarray scalar": "scalar" for module in ("numpy.core", "numpy._core")},
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
}
_NUMBER_OR_TEXT = re.compile(r"[biuf][1248]|U[0-9]{1,6}|S[0-9]{1,6}|O8")


def read_objects(path: Path) -> dict[str, Any]:
    """The dictionary in a file written by ``numpy.save`` or ``pickle.dump`` (protocols 3 and 4), or in an npz archive.

    Parameters
    ----------
    path : Path
        The file; an archive may hold plain arrays alone.

    Returns
    -------
    dict of str to array, list, str or number
        Arrays are read-only, and mapped where they are large.

    Raises
    ------
    RecordingError
        If the file is missing or cut, holds no dictionary, or anything beside arrays, lists, words and numbers.
    """
    try:
        if path.suffix == ".npz":
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as archive:
                return dict(archive)
        with path.open("rb") as raw:
            return _dictionary(mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ))
    except Exception as error:  # a damaged file makes each of the instructions fail in its own way
        saved = path.with_suffix(".npz").name
        raise RecordingError(
            f"'{path.name}' must hold a dictionary of arrays and lists of words, which are read without running what else "
            f"the file may say; got: {error}. Fetch it again; or, if you trust it, turn it into {saved} with your own "
            f"Python: d = numpy.load('{path.name}', allow_pickle=True); "
            f"numpy.savez('{saved}', **(d if isinstance(d, dict) else d.item()))"
        ) from error


def _dictionary(content: mmap.mmap) -> dict[str, Any]:
    if content[: len(_NPY)] == _NPY:
        version = np.lib.format.read_magic(content)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        read(content)
    found = _Machine(content).run()
    if isinstance(found, _Array):
        found = found.value
    if isinstance(found, np.ndarray) and found.dtype == object and found.shape == ():
        found = found[()]
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise ValueError(f"no dictionary but {type(found).__name__}")
    return {key: each.value if isinstance(each, _Array) else each for key, each in found.items()}


class _Mapped:
    """The file as pickletools reads it; what is long is handed out as a view."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content, self._view = content, memoryview(content)
        self.readline, self.tell = content.readline, content.tell

    def read(self, n: int) -> bytes | memoryview:
        if n <= _MAPPED_BYTES:
            return self._content.read(n)
        start = self._content.tell()
        self._content.seek(min(start + n, len(self._content)))
        return self._view[start : start + n]


@dataclass(slots=True)
class _Dtype:
    """A dtype whose byte order comes later."""

    code: str
    order: str = "|"

    def build(self, state: Any) -> None:
        _, self.order, subtype, names, fields, *_ = state
        if self.order not in ("<", ">", "|", "=") or any(each is not None for each in (subtype, names, fields)):
            raise ValueError(f"an array of a composed type {state!r}"[:200])

    def read(self, content: bytes | memoryview) -> NDArray[Any]:
        """The numbers or words in `content`; ValueError for objects, which would be addresses."""
        if self.code == "O8":
            raise ValueError("addresses in the place of objects")
        return np.frombuffer(content, np.dtype(self.order.replace("|", "=") + self.code))


@dataclass(slots=True)
class _Array:
    """An array whose content comes later."""

    value: NDArray[Any] | None = None

    def build(self, state: Any) -> None:
        _, shape, dtype, is_fortran, content = state
        if isinstance(content, list):
            if dtype.code != "O8" or len(content) != int(np.prod(shape)):
                raise ValueError(f"a list of {len(content)} objects for an array of {shape}")
            flat: NDArray[Any] = np.empty(len(content), object)
            flat[:] = [each.value if isinstance(each, _Array) else each for each in content]
        else:
            flat = dtype.read(content)
        self.value = flat.reshape(shape, order="F" if is_fortran else "C")


class _Machine:
    """Follows the instructions of one file; whatever is not in its table ends it."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        """What stands on the stack in the end."""
        for instruction, argument, _ in pickletools.genops(_Mapped(self._content)):  # type: ignore[arg-type]
            if instruction.name == "STOP":
                return self._stack.pop()
            if instruction.name in _CONSTANTS:
                self._stack.append(_CONSTANTS[instruction.name]())
            elif instruction.name in _VALUES:
                self._stack.append(argument)
            elif instruction.name in _STEPS:
                _STEPS[instruction.name](self, argument)
            elif instruction.name not in ("PROTO", "FRAME"):
                raise ValueError(f"the instruction {instruction.name}")
        return None

    def _pop(self, n: int) -> list[Any]:
        taken = self._stack[len(self._stack) - n :]
        del self._stack[len(self._stack) - n :]
        return taken

    def _since_mark(self) -> list[Any]:
        return self._pop(len(self._stack) - self._marks.pop())

    def _mark(self, _: Any) -> None:
        self._marks.append(len(self._stack))

    def _remember(self, key: int | None) -> None:
        self._memo[len(self._memo) if key is None else key] = self._stack[-1]

    def _recall(self, key: int) -> None:
        self._stack.append(self._memo[key])

    def _tuple(self, n: int | None) -> None:
        self._stack.append(tuple(self._since_mark() if n is None else self._pop(n)))

    def _extend(self, items: list[Any]) -> None:
        self._stack[-1].extend(items)

    def _fill(self, items: list[Any]) -> None:
        self._stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def _name(self, name: str) -> None:
        if name not in _NAMES:
            raise ValueError(f"the name {name.replace(' ', '.')}")
        self._stack.append(_NAMES[name])

    def _reduce(self, _: Any) -> None:
        function, arguments = self._pop(2)
        if function == "array" and arguments[0] == "ndarray":
            self._stack.append(_Array())
        elif function == "dtype" and _NUMBER_OR_TEXT.fullmatch(arguments[0]):
            self._stack.append(_Dtype(arguments[0]))
        elif function == "scalar" and isinstance(arguments[0], _Dtype):
            self._stack.append(arguments[0].read(arguments[1]).item())
        else:
            raise ValueError(f"a call of {function} with {arguments!r}"[:200])

    def _build(self, _: Any) -> None:
        (state,) = self._pop(1)
        self._stack[-1].build(state)


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_VALUES = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"} | {
    f"{size}BIN{kind}" for size in ("", "SHORT_") for kind in ("UNICODE", "BYTES")
}
_VALUES |= {"BINUNICODE8", "BINBYTES8"}
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine._mark,
    "MEMOIZE": _Machine._remember,
    "BINPUT": _Machine._remember,
    "LONG_BINPUT": _Machine._remember,
    "BINGET": _Machine._recall,
    "LONG_BINGET": _Machine._recall,
    "TUPLE": lambda machine, _: machine._tuple(None),
    "TUPLE1": lambda machine, _: machine._tuple(1),
    "TUPLE2": lambda machine, _: machine._tuple(2),
    "TUPLE3": lambda machine, _: machine._tuple(3),
    "APPEND": lambda machine, _: machine._extend(machine._pop(1)),
    "APPENDS": lambda machine, _: machine._extend(machine._since_mark()),
    "SETITEM": lambda machine, _: machine._fill(machine._pop(2)),
    "SETITEMS": lambda machine, _: machine._fill(machine._since_mark()),
    "GLOBAL": _Machine._name,
    "STACK_GLOBAL": lambda machine, _: machine._name(" ".join(machine._pop(2))),
    "REDUCE": _Machine._reduce,
    "BUILD": _Machine._build,
}
