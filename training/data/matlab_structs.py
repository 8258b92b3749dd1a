"""Arrays of structs in MATLAB files: version 5, and version 7.3, which is HDF5, with the same face for both.

In version 7.3 the elements of an array lie apart, and each field holds references to them; an array of one struct has its
values in its fields at once. Axes are stored in the reverse order, characters as the numbers of UTF-16, and an empty array
as its size, marked MATLAB_empty. Nothing is read before it is asked for. An array of version 5 can only be read whole, and
takes as much memory as it has in MATLAB, where it may have two gigabytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import RecordingError

UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError, IndexError, AttributeError)
"""What reading a field of a damaged file may raise."""


class Struct(Protocol):
    """One element of an array of structs."""

    @property
    def fields(self) -> Collection[str]:
        """Names of its fields."""
        ...

    def text(self, field: str) -> str:
        """A row of characters; ValueError if the field holds anything else."""
        ...

    def numbers(self, field: str) -> NDArray[np.float64]:
        """A matrix with MATLAB's axes, which may be empty; ValueError if the field holds no numbers."""
        ...

    def structs(self, field: str) -> Sequence[Struct]:
        """Its elements, if the field is an array of structs; else none."""
        ...


@contextmanager
def open_structs(path: Path, variable: str) -> Iterator[Sequence[Struct]]:
    """The elements of an array of structs, readable while the context lasts.

    Raises
    ------
    RecordingError
        If the file is missing, cut, no MATLAB file, or has no such array.
    """
    import h5py

    with ExitStack() as stack:
        try:
            if h5py.is_hdf5(path):
                file = stack.enter_context(h5py.File(path, "r"))
                there = sorted(set(file) - {"#refs#", "#subsystem#"})
                found = _hdf5_structs(file[variable]) if variable in file else ()
            else:
                from scipy.io import loadmat, whosmat

                there = sorted(name for name, _, _ in whosmat(path, appendmat=False))
                found = _version5_structs(loadmat(path, appendmat=False, variable_names=[variable]).get(variable))
        except Exception as error:  # a file that is cut makes each reader fail in a dozen ways
            raise RecordingError(
                f"'{path.name}' must be a MATLAB file of version 5 or 7.3; reading it failed: {error}. Fetch it again."
            ) from error
        if not found:
            raise RecordingError(
                f"'{path.name}' must hold an array of structs '{variable}'; it holds {', '.join(there) or 'nothing'}. Choose "
                "another file, or fetch it again."
            )
        yield found


class _Version5:
    """A record as scipy reads it."""

    def __init__(self, record: Any) -> None:
        self._record = record

    @property
    def fields(self) -> Collection[str]:
        return tuple(self._record.dtype.names)

    def text(self, field: str) -> str:
        value = self._record[field]
        if not value.size:
            return ""
        if value.dtype.kind != "U" or value.size > 1:
            raise ValueError(f"'{field}' must be text; it is {_shape(value)}")
        return str(value.item())

    def numbers(self, field: str) -> NDArray[np.float64]:
        value = self._record[field]
        if value.dtype.kind not in "biuf":
            raise ValueError(f"'{field}' must be numbers; it is {_shape(value)}")
        return np.asarray(value, np.float64)

    def structs(self, field: str) -> Sequence[Struct]:
        return _version5_structs(self._record[field])


class _Hdf5:
    """An element of a group whose fields hold references, or, of the only element, the values."""

    def __init__(self, group: Any, number: int, fields: dict[str, Any]) -> None:
        self._group, self._number, self._known = group, number, fields

    @property
    def fields(self) -> Collection[str]:
        names: Collection[str] = self._group.keys()
        return names

    def text(self, field: str) -> str:
        node = self._dataset(field)
        if _is_empty(node):
            return ""
        codes = np.asarray(node[()])
        if codes.dtype.kind != "u" or 1 not in codes.shape or node.attrs.get("MATLAB_class", b"char") != b"char":
            raise ValueError(f"'{field}' must be text; it is {_shape(codes)}")
        return codes.astype("<u2").tobytes().decode("utf-16-le")

    def numbers(self, field: str) -> NDArray[np.float64]:
        node = self._dataset(field)
        if _is_empty(node):
            return np.empty((0, 0))
        values = np.asarray(node[()])
        is_text = values.dtype.kind == "u" and node.attrs.get("MATLAB_class") == b"char"
        if values.dtype.kind not in "biuf" or is_text:
            raise ValueError(f"'{field}' must be numbers; it is {_shape(values)}")
        return values.astype(np.float64, copy=False).T

    def structs(self, field: str) -> Sequence[Struct]:
        return _hdf5_structs(self._node(field))

    def _dataset(self, field: str) -> Any:
        node = self._node(field)
        if hasattr(node, "keys"):
            raise ValueError(f"'{field}' must be text or numbers; it is a struct")
        return node

    def _node(self, field: str) -> Any:
        """The dataset or group that is the value."""
        if field not in self._known:  # once for all elements: to open a dataset takes longer than to read it
            node = self._group[field]
            self._known[field] = node[()].ravel() if _is_spread(node) else node
        known = self._known[field]
        return self._group[known[self._number]] if isinstance(known, np.ndarray) else known


def _version5_structs(value: NDArray[Any] | None) -> Sequence[Struct]:
    if value is None or value.dtype.names is None:
        return ()
    return [_Version5(record) for record in value.ravel()]


def _hdf5_structs(node: Any) -> Sequence[Struct]:
    if _holds_references(node):  # a cell array of structs, as some versions of the published files have it
        return [each for reference in node[()].ravel() for each in _hdf5_structs(node.file[reference])]
    if not hasattr(node, "keys") or not len(node):
        return ()
    first = next(iter(node.values()))
    fields: dict[str, Any] = {}
    return [_Hdf5(node, number, fields) for number in range(first.size if _is_spread(first) else 1)]


def _holds_references(node: Any) -> bool:
    import h5py

    return isinstance(node, h5py.Dataset) and h5py.check_ref_dtype(node.dtype) is not None


def _is_spread(node: Any) -> bool:
    """Whether a field refers to its value in each element of an array; a cell array also is references, but says so."""
    return _holds_references(node) and node.attrs.get("MATLAB_class") != b"cell"


def _is_empty(node: Any) -> bool:
    """An empty array is written as its size, which is a row of whole numbers."""
    return node.ndim < 2 or 0 in node.shape or (node.dtype == np.uint64 and bool(node.attrs.get("MATLAB_empty", 0)))


def _shape(value: Any) -> str:
    return f"{value.dtype} {value.shape}"
