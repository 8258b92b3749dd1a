"""A bundle opens only if every byte is as it was written; everything else is refused with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_app.contract.bundle import MANIFEST, Bundle, open_bundle, pack_arrays, read_arrays, sha256_of, write_bundle
from bci_app.contract.errors import (
    BundleCorruptError,
    BundleError,
    BundleUnsafeError,
    BundleVersionError,
    SettingsError,
)
from bci_app.contract.manifest import GeneratorManifest, Golden, LatentSpace, Provenance, TensorSpec

GRAPH = b"not a graph, but bytes all the same"


def manifest(**changes: Any) -> GeneratorManifest:
    values: dict[str, Any] = {
        "name": "tiny",
        "inputs": (TensorSpec(name="latent", axes=("batch", "latent"), dtype="float32", shape=("batch", 3)),),
        "outputs": (TensorSpec(name="image", axes=("batch", "h", "w", "c"), dtype="uint8", shape=("batch", 8, 8, 3)),),
        "golden": Golden(atol=1e-3, rtol=0),
        "provenance": Provenance(
            created="2026-01-01T00:00:00+00:00",
            command="test",
            commit="0",
            recipe={},
            data=(),
            licence="BSD-3-Clause",
            versions={},
        ),
        "latent_space": LatentSpace(id="tiny", dim=3, generator_sha256=sha256_of(GRAPH)),
        "image_size": 8,
        "latent_mean": (0.0, 0.0, 0.0),
    }
    return GeneratorManifest(**(values | changes))


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    files = {"generator.onnx": GRAPH, "golden.npz": pack_arrays(latent=np.ones((2, 3), np.float32))}
    return write_bundle(tmp_path / "tiny", manifest(), files)


def edit(bundle: Bundle, change: Callable[[dict[str, Any]], object]) -> None:
    path = bundle.folder / MANIFEST
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))


def test_what_was_written_is_read_back(bundle: Bundle) -> None:
    again = open_bundle(bundle.folder)
    assert again.manifest == bundle.manifest
    assert again.read("generator.onnx") == GRAPH
    assert again.digest == bundle.digest
    np.testing.assert_array_equal(again.golden()["latent"], np.ones((2, 3)))


def test_a_bundle_is_replaced_whole_and_nothing_is_left_beside_it(bundle: Bundle) -> None:
    files = {"generator.onnx": GRAPH + b"2", "golden.npz": pack_arrays(latent=np.zeros((1, 3)))}
    again = write_bundle(bundle.folder, manifest(), files)
    assert again.digest != bundle.digest
    assert [path.name for path in bundle.folder.parent.iterdir()] == ["tiny"]


def test_a_changed_byte_is_found(bundle: Bundle) -> None:
    path = bundle.folder / "generator.onnx"
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleCorruptError, match=r"generator\.onnx.*sha256 differs"):
        open_bundle(bundle.folder)


def test_a_changed_letter_of_the_manifest_is_found(bundle: Bundle) -> None:
    edit(bundle, lambda raw: raw.update(name="tinY"))
    with pytest.raises(BundleCorruptError, match="seal is broken"):
        open_bundle(bundle.folder)


def test_the_digest_names_everything(bundle: Bundle, tmp_path: Path) -> None:
    other = write_bundle(tmp_path / "other", manifest(latent_mean=(0.0, 0.0, 1.0)), bundle.contents)
    assert other.digest != bundle.digest


def test_a_truncated_file_is_found(bundle: Bundle) -> None:
    path = bundle.folder / "golden.npz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BundleCorruptError, match=r"golden\.npz.*must have \d+ bytes"):
        open_bundle(bundle.folder)


def test_a_missing_and_an_unlisted_file_are_found(bundle: Bundle) -> None:
    (bundle.folder / "extra.bin").write_bytes(b"x")
    with pytest.raises(BundleCorruptError, match=r"does not list: extra\.bin"):
        open_bundle(bundle.folder)
    (bundle.folder / "extra.bin").unlink()
    (bundle.folder / "golden.npz").unlink()
    with pytest.raises(BundleCorruptError, match=r"golden\.npz, which is missing"):
        open_bundle(bundle.folder)


def test_an_unknown_key_is_refused_by_name(bundle: Bundle) -> None:
    edit(bundle, lambda raw: raw.update(colour="red"))
    with pytest.raises(BundleCorruptError, match="colour"):
        open_bundle(bundle.folder)


def test_a_missing_and_an_impossible_value_are_refused_by_name(bundle: Bundle) -> None:
    edit(bundle, lambda raw: raw.pop("latent_mean"))
    with pytest.raises(BundleCorruptError, match="latent_mean"):
        open_bundle(bundle.folder)
    edit(bundle, lambda raw: raw.update(latent_mean=[0.0]))
    with pytest.raises(BundleCorruptError, match="must have 3 numbers"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"format_version": 2}, "format version 2; this program reads up to 1"), ({"kind": "meg-decoder"}, "meg-decoder")],
)
def test_a_newer_version_and_an_unknown_kind_are_refused(bundle: Bundle, change: dict[str, Any], words: str) -> None:
    edit(bundle, lambda raw: raw.update(change))
    with pytest.raises(BundleVersionError, match=words):
        open_bundle(bundle.folder)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "sub/file", "..", "a\\b", MANIFEST])
def test_a_file_name_that_leads_out_of_the_folder_is_refused(bundle: Bundle, name: str) -> None:
    (bundle.folder.parent / "secret").write_bytes(b"s")
    edit(bundle, lambda raw: raw["files"].update({name: {"sha256": sha256_of(b"s"), "size": 1}}))
    with pytest.raises(BundleUnsafeError, match="names must be plain"):
        open_bundle(bundle.folder)


def test_a_link_is_refused_even_if_its_bytes_are_right(bundle: Bundle, tmp_path: Path) -> None:
    path = bundle.folder / "generator.onnx"
    (tmp_path / "elsewhere").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleUnsafeError, match="link"):
        open_bundle(bundle.folder)


def test_a_folder_that_is_no_bundle_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such folder"):
        open_bundle(tmp_path / "nothing")
    with pytest.raises(BundleError, match="without manifest"):
        open_bundle(tmp_path)


@pytest.mark.parametrize("text", ["{", "[1, 2]", "\x00"])
def test_a_manifest_that_is_no_json_object_is_refused(bundle: Bundle, text: str) -> None:
    (bundle.folder / MANIFEST).write_text(text)
    with pytest.raises(BundleCorruptError, match=MANIFEST):
        open_bundle(bundle.folder)


def test_arrays_that_want_pickle_are_refused() -> None:
    with pytest.raises(BundleCorruptError, match="plain arrays"):
        read_arrays(_pickled(), "trap")


def _pickled() -> bytes:
    import io

    buffer = io.BytesIO()
    np.savez(buffer, trap=np.array([{"a": 1}], dtype=object))
    return buffer.getvalue()


def test_a_failed_write_leaves_the_old_bundle_in_place(bundle: Bundle) -> None:
    with pytest.raises(BundleUnsafeError):
        write_bundle(bundle.folder, manifest(), {"sub\\dir": b"x"})
    assert open_bundle(bundle.folder).digest == bundle.digest
    assert [path.name for path in bundle.folder.parent.iterdir()] == ["tiny"]


def test_a_manifest_that_contradicts_itself_cannot_be_made() -> None:
    with pytest.raises(SettingsError, match="latent_mean"):
        manifest(latent_mean=(0.0,))


def test_a_manifest_of_before_a_field_was_added_keeps_its_seal(bundle: Bundle) -> None:
    def leave_out(raw: dict[str, Any]) -> None:
        del raw["latent_space"]["truncation"]  # has a default, as a field that comes later would
        raw["seal"] = sha256_of(json.dumps({key: raw[key] for key in raw if key != "seal"}, sort_keys=True).encode())

    edit(bundle, leave_out)
    assert open_bundle(bundle.folder).manifest.latent_space.truncation is None
