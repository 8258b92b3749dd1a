"""Whether a recording's file is whole: its blocks are walked, for readers load cut files without a word."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

from bci_app.contract.errors import RecordingError

_MAX_XDF_CHUNK = 2**31
_PIECE = 2**20
_XDF_STREAM_HEADER, _XDF_SAMPLES, _XDF_STREAM_FOOTER = 2, 3, 6
_FIF_BLOCK_START, _FIF_BLOCK_END = 104, 105
_END_HINT = "Read an intact copy, or ask for what is there: --partial, or “a cut file too” in the window."


def open_maybe_packed(path: Path, partial: bool = False) -> BinaryIO:
    """The file for reading bytes, unpacked if it is a gzip file; if `partial`, as far as it can be unpacked."""
    if path.suffix.lower() not in (".gz", ".xdfz"):
        return path.open("rb")
    packed = cast("BinaryIO", gzip.open(path, "rb"))  # noqa: SIM115
    return _unpacked(packed) if partial else packed


def _unpacked(packed: BinaryIO) -> BinaryIO:
    whole = BytesIO()
    with packed, suppress(EOFError, zlib.error, gzip.BadGzipFile):
        while piece := packed.read1(_PIECE):  # type: ignore[attr-defined]
            whole.write(piece)
    whole.seek(0)
    return whole


@contextmanager
def _walked(path: Path, partial: bool = False, hint: str = "Read an intact copy.") -> Iterator[BinaryIO]:
    """The file for reading bytes; whatever keeps it from being read is a RecordingError."""
    try:
        with open_maybe_packed(path, partial) as file:
            yield file
    except (EOFError, OSError, zlib.error) as error:
        raise RecordingError(f"'{path.name}' is cut or damaged, or cannot be opened: {error}. {hint}") from error


def count_xdf_samples(path: Path, partial: bool = False) -> dict[int, int]:
    """How many samples each stream of an XDF file says it holds, counted block by block.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Take a file that was cut for what it holds.

    Returns
    -------
    dict of int to int
        Samples by stream id.

    Raises
    ------
    RecordingError
        If the file is no XDF file, or (unless `partial`) ends inside a block or with a stream that was not
        closed.
    """
    samples: Counter[int] = Counter()
    opened: set[int] = set()
    with _walked(path, partial, _END_HINT) as file:
        if file.read(4) != b"XDF:":
            raise RecordingError(f"'{path.name}' must begin with 'XDF:'; it does not, so it is no XDF file.")
        while (block := _next_xdf_block(file, path, partial)) is not None:
            tag, content = block
            if tag not in (_XDF_STREAM_HEADER, _XDF_SAMPLES, _XDF_STREAM_FOOTER) or len(content) < 4:
                continue
            (stream,) = struct.unpack("<I", content[:4])
            if tag == _XDF_STREAM_HEADER:
                opened.add(stream)
                samples[stream] += 0
            elif tag == _XDF_STREAM_FOOTER:
                opened.discard(stream)
            else:
                samples[stream] += _variable_int(content[4:])
    if opened and not partial:
        raise RecordingError(
            f"Each stream of '{path.name}' must be closed by a footer; stream id(s) {sorted(opened)} are not: "
            f"the recorder was stopped before it finished, or the end of the file is missing. {_END_HINT}"
        )
    return dict(samples)


def _next_xdf_block(file: BinaryIO, path: Path, partial: bool) -> tuple[int, bytes] | None:
    """Tag of the next block, and as much of its content as is needed to count; None at the end."""
    size_bytes = file.read(1)
    if not size_bytes:
        return None
    width = size_bytes[0]
    raw = file.read(width) if width in (1, 4, 8) else b""
    length = int.from_bytes(raw, "little")
    tag_bytes = file.read(2)
    if len(raw) == width and len(tag_bytes) == 2 and 2 <= length <= _MAX_XDF_CHUNK:
        content = file.read(length - 2)
        if len(content) == length - 2:
            return int.from_bytes(tag_bytes, "little"), content
    if partial:
        return None
    raise RecordingError(
        f"'{path.name}' is cut or damaged at byte {file.tell()}: a block there is not whole. {_END_HINT}"
    )


def _variable_int(content: bytes) -> int:
    """The number of samples at the head of a samples block."""
    width = content[0] if content else 0
    return int.from_bytes(content[1 : 1 + width], "little")


def check_fif_is_whole(path: Path) -> None:
    """Raise RecordingError if a FIF file ends inside a tag, or with a block that was not closed."""
    with _walked(path) as file:
        depth = n_tags = 0
        jumped: set[int] = set()
        while len(head := file.read(16)) == 16:
            kind, _, size, follows = struct.unpack(">iIii", head)
            n_tags += 1
            depth += (kind == _FIF_BLOCK_START) - (kind == _FIF_BLOCK_END)
            if size < 0 or len(file.read(size)) < size:
                break
            if follows == -1:
                head = b""
                break
            if follows in jumped:  # a damaged pointer may lead round in circles
                break
            if follows > 0:
                jumped.add(follows)
                file.seek(follows)
        if head or depth or not n_tags:
            raise RecordingError(
                f"'{path.name}' is cut or damaged: it ends inside a block, at byte {file.tell()}. Read an intact copy."
            )
