"""A bundle: a folder with a manifest, graphs and golden vectors, opened only if every byte is as it was written."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import BundleCorruptError, BundleError, BundleUnsafeError
from bci_app.contract.manifest import FileEntry, Manifest, parse_manifest

MANIFEST = "manifest.json"
_LARGEST_FILE = 2**30
_UNREADABLE = (
    ValueError, OSError, EOFError, NotImplementedError, RuntimeError, SyntaxError, zipfile.BadZipFile, zlib.error,
    tokenize.TokenError,
)  # fmt: skip
"""What numpy and zipfile raise on bytes that are no npz."""


def sha256_of(content: bytes) -> str:
    """Hex digest of `content`."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened and verified bundle.

    The files were read once, when they were verified: what is used later is what was verified, whatever happens
    to the folder meanwhile.
    """

    folder: Path
    manifest: Manifest
    contents: Mapping[str, bytes]

    def read(self, name: str) -> bytes:
        """The bytes of file `name`; BundleCorruptError if the bundle has none of that name."""
        if name not in self.contents:
            raise BundleCorruptError(
                f"Bundle '{self.folder.name}' must hold the file {name}; it has {', '.join(sorted(self.contents))}. "
                "Export the bundle again."
            )
        return self.contents[name]

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """The arrays of the npz file `name`, read without pickle."""
        return read_arrays(self.read(name), f"{name} of bundle '{self.folder.name}'")

    def golden(self) -> dict[str, NDArray[Any]]:
        """The golden inputs and outputs by name."""
        return self.arrays(self.manifest.golden.file)

    @property
    def digest(self) -> str:
        """One digest of everything in the bundle, to name it in a result."""
        return self.manifest.seal


def read_arrays(content: bytes, what: str) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file in memory; BundleCorruptError if it is none, or wants pickle."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except _UNREADABLE as error:
        raise BundleCorruptError(f"{what} must be an npz file of plain arrays; reading it failed: {error}.") from None


def pack_arrays(**arrays: NDArray[Any]) -> bytes:
    """An npz file of `arrays` in memory."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def open_bundle(folder: Path | str) -> Bundle:
    """Read and verify the bundle in `folder`.

    Raises
    ------
    BundleError
        If there is no such folder.
    BundleVersionError
        If it was written by a newer program, or is of an unknown kind.
    BundleUnsafeError
        If a file name leads out of the folder, or a file is a link.
    BundleCorruptError
        If the manifest or a file is missing, cut, changed or not listed.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        found = "no such folder" if not folder.is_dir() else f"a folder without {MANIFEST}"
        raise BundleError(f"A bundle is a folder with a {MANIFEST}; '{folder}' is {found}. Check the path.")
    try:
        raw = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise BundleCorruptError(
            f"The {MANIFEST} of bundle '{folder.name}' must be JSON; reading it failed: {error}. Export the bundle again."
        ) from None
    if not isinstance(raw, dict):
        raise BundleCorruptError(
            f"The {MANIFEST} of bundle '{folder.name}' must be a JSON object; got a {type(raw).__name__}."
        )
    manifest = parse_manifest(raw, folder.name)
    try:
        contents = {name: _verified(folder, name, entry) for name, entry in manifest.files.items()}
        unlisted = {path.name for path in folder.iterdir()} - set(contents) - {MANIFEST}
    except OSError as error:
        raise BundleError(f"Bundle '{folder.name}' cannot be read: {error}. Check the disk and your rights.") from None
    if unlisted:
        raise BundleCorruptError(
            f"Bundle '{folder.name}' holds file(s) its manifest does not list: {', '.join(sorted(unlisted))}. Remove them."
        )
    if manifest.seal != _seal(raw):
        raise BundleCorruptError(
            f"The {MANIFEST} of bundle '{folder.name}' is not the one that was exported (its seal is broken). "
            "Copy the bundle again; do not edit it."
        )
    return Bundle(folder, manifest, contents)


def _verified(folder: Path, name: str, entry: FileEntry) -> bytes:
    """The bytes of one file, if it is exactly what the manifest says."""
    pure = PurePosixPath(name)
    if pure.name != name or "\\" in name or name in {"", ".", "..", MANIFEST}:
        raise BundleUnsafeError(
            f"Bundle '{folder.name}' lists the file {name!r}; names must be plain, without folders. Do not use this bundle."
        )
    path = folder / name
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise BundleUnsafeError(
            f"File {name} of bundle '{folder.name}' must be an ordinary file; it is a link or a folder."
        )
    if not path.exists():
        raise BundleCorruptError(
            f"Bundle '{folder.name}' lists the file {name}, which is missing. Copy the bundle again."
        )
    size = path.stat().st_size
    if size != entry.size or size > _LARGEST_FILE:
        raise BundleCorruptError(
            f"File {name} of bundle '{folder.name}' must have {entry.size} bytes (at most {_LARGEST_FILE}); "
            f"it has {size}. Copy the bundle again."
        )
    content = path.read_bytes()
    if sha256_of(content) != entry.sha256:
        raise BundleCorruptError(
            f"File {name} of bundle '{folder.name}' is not the one that was exported (its sha256 differs). "
            "Copy the bundle again; do not edit it."
        )
    return content


def _seal(raw: Mapping[str, Any]) -> str:
    """Digest of the manifest as it stands in its file, without its seal, in one fixed spelling.

    Not of the parsed manifest: a field that a later program adds, with its default, would break the seals of before.
    """
    return sha256_of(json.dumps({key: raw[key] for key in raw if key != "seal"}, sort_keys=True).encode())


def _swap(draft: Path, place: Path, aside: Path) -> None:
    """Put `draft` into `place`; what stood there goes `aside`, and comes back if that fails."""
    had_one = place.exists()
    if had_one:
        os.replace(place, aside)
    try:
        os.replace(draft, place)
    except OSError:
        if had_one:
            os.replace(aside, place)
        raise


def write_bundle(folder: Path | str, manifest: Manifest, files: Mapping[str, bytes]) -> Bundle:
    """Write a bundle beside its place, verify it, and rename it into place.

    Parameters
    ----------
    folder : path
        Where it shall stand; a bundle already there is replaced.
    manifest : Manifest
        Its `files` are filled in here.
    files : mapping of str to bytes
        Content of each file.

    Returns
    -------
    Bundle
        The bundle as read back.

    Raises
    ------
    BundleError
        If the folder cannot be written.
    """
    folder = Path(folder)
    entries = {name: FileEntry(sha256=sha256_of(content), size=len(content)) for name, content in files.items()}
    complete = manifest.model_copy(update={"files": entries})
    complete = complete.model_copy(update={"seal": _seal(complete.model_dump(mode="json"))})
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as workplace:
            draft = Path(workplace) / folder.name
            draft.mkdir()
            for name, content in files.items():
                (draft / name).write_bytes(content)
            (draft / MANIFEST).write_text(complete.model_dump_json(indent=1) + "\n", "utf-8")
            open_bundle(draft)
            _swap(draft, folder, Path(workplace) / "replaced")
    except OSError as error:
        raise BundleError(
            f"The bundle could not be written to '{folder}': {error}. Free space or choose another place."
        ) from error
    return open_bundle(folder)
