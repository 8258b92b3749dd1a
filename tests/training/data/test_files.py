"""Folders and zip archives of images: parts, classes, and files that are not what they say."""

from __future__ import annotations

import logging
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import PictureError, SettingsError
from training.data import files
from training.data.files import name_classes, split_folders
from training.data.images import ImageSplit, read_split
from training.settings import PictureSettings

SHARES = {"size": 16, "validation": 0.3, "test": 0.3}
Make = Callable[..., Path]


def _image(code: int) -> np.ndarray:
    """A picture that tells which it is: three pixels hold the digits of its number to the base 256."""
    image = np.zeros((16, 16, 3), np.uint8)
    image[0, 0] = code // 256, code % 256, 255
    return image


def _code(image: np.ndarray) -> int:
    return int(image[0, 0, 0]) * 256 + int(image[0, 0, 1])


def _fill(folder: Path, names: list[str]) -> Path:
    for code, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(_image(code)).save(folder / name)
    return folder


def _pack(folder: Path, packed: Path) -> Path:
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder).as_posix())
    return packed


@pytest.fixture(params=["folder", "zip"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes a source of tiny pictures, numbered in the order of the names, as a folder and as an archive."""

    def make_source(names: list[str], extra: dict[str, bytes] | None = None) -> Path:
        folder = _fill(tmp_path / "pictures", names)
        for name, content in (extra or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder if request.param == "folder" else _pack(folder, tmp_path / "pictures.zip")

    return make_source


def _read(source: Path, seed: int = 0, **wanted: object) -> ImageSplit:
    return read_split(PictureSettings(source=str(source), **(SHARES | wanted)), seed)


def _codes(split: ImageSplit) -> dict[str, set[int]]:
    return {side: {_code(image) for image in getattr(split, side).images} for side in ("train", "validation", "test")}


def test_each_picture_keeps_the_class_of_its_folder(make: Make) -> None:
    names = [f"{kind}/{number}.png" for kind in ("cat", "dog", "owl") for number in range(20)]
    split = _read(make(names))
    assert split.classes == ("cat", "dog", "owl")
    for side in (split.train, split.validation, split.test):
        assert side.labels is not None
        assert [_code(image) // 20 for image in side.images] == list(side.labels)
    assert set.union(*_codes(split).values()) == set(range(60))


def test_the_first_pictures_of_a_side_are_of_all_classes(make: Make) -> None:
    split = _read(make([f"{kind}/{number}.png" for kind in "abc" for number in range(60)]))
    assert split.train.labels is not None
    assert set(split.train.labels[:20]) == {0, 1, 2}


def test_a_published_test_part_is_the_test_side(make: Make) -> None:
    train, test = ([f"{part}/{kind}/{n}.png" for kind in "ab" for n in range(30)] for part in ("train", "test"))
    split = _read(make(train + test))
    codes = _codes(split)
    assert codes["test"] == set(range(60, 120))
    assert codes["train"] | codes["validation"] == set(range(60))
    assert len(codes["validation"]) / 60 == pytest.approx(0.3, abs=0.15)
    assert split.classes == ("a", "b")


def test_images_outside_the_published_parts_are_left_out_and_said(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    source = make([f"train/{n}.png" for n in range(40)] + ["test/a.png", "cover.png"])
    split = _read(source)
    assert _codes(split)["test"] == {40}
    assert 41 not in set.union(*_codes(split).values())
    assert "'cover.png'" in caplog.text


def test_pictures_in_one_folder_have_no_class(make: Make) -> None:
    split = _read(make([f"val/images/{number}.png" for number in range(40)]))
    assert split.classes == ()
    assert split.train.labels is None


def test_a_smaller_number_chooses_some_of_a_larger(make: Make) -> None:
    source = make([f"{number}.png" for number in range(80)])
    small, large = (set.union(*_codes(_read(source, n=n)).values()) for n in (30, 50))
    assert (len(small), len(large)) == (30, 50)
    assert small < large
    assert small != set.union(*_codes(_read(source, seed=1, n=30)).values())


def test_broken_images_are_named_counted_and_skipped(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    broken = {f"broken{number}.jpg": b"not an image" for number in range(7)}
    with caplog.at_level(logging.WARNING):
        split = _read(make([f"{number}.png" for number in range(40)], broken))
    assert len(split.skipped) == 7
    assert "Skipped 7 of 47" in caplog.text
    assert "and 2 more" in caplog.text
    assert caplog.text.count(".jpg") == 5
    assert set.union(*_codes(split).values()) == set(range(40))


def test_nothing_but_broken_images_is_an_error_with_the_first_reason(make: Make) -> None:
    with pytest.raises(PictureError, match=r"None of the 2 .* First reason: 'd/.\.png' is not a readable"):
        _read(make([], {"d/a.png": b"", "d/b.png": b"\x89PNG\r\n\x1a\n"}))


def test_a_source_without_images_is_an_error(make: Make) -> None:
    with pytest.raises(PictureError, match="holds no image"):
        _read(make([], {"readme.txt": b"hello", ".hidden.png": b"", "__MACOSX/._a.png": b""}))


def test_labels_are_left_out_where_some_pictures_have_no_class(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    names = [f"{kind}{number}.png" for kind in ("a/", "b/", "") for number in range(40)]
    split = _read(make(names))
    assert split.train.labels is None
    assert "have no class" in caplog.text


def test_published_pictures_that_stand_in_train_and_test_are_taken_out_of_train(make: Make, tmp_path: Path) -> None:
    source = make([f"train/{number}.png" for number in range(40)] + [f"test/{number}.png" for number in range(9)])
    folder = tmp_path / "pictures"
    for number in range(5):
        (folder / f"test/{number}.png").write_bytes((folder / f"train/{number}.png").read_bytes())
    (folder / "train/39.png").write_bytes((folder / "train/38.png").read_bytes())
    split = _read(source if source.is_dir() else _pack(folder, source))
    codes = _codes(split)
    assert (split.n_leaks, split.n_doubles) == (5, 1)
    assert codes["test"] == {0, 1, 2, 3, 4, 45, 46, 47, 48}
    assert codes["train"] | codes["validation"] == set(range(5, 39))


@pytest.mark.parametrize(
    ("folders", "parts", "below"),
    [
        (["x/train/a", "x/test/a"], ["train", "test"], ["a", "a"]),
        (["Train/a", "val/a"], ["train", "test"], ["a", "a"]),
        (["train", "val", "test"], ["train", "validation", "test"], ["", "", ""]),
        (["train/a", "train/b"], [None, None], ["a", "b"]),
        (["test/a", "val/a"], [None, None], ["test/a", "val/a"]),
        (["train/a", "test/a", "more"], ["train", "test", None], ["a", "a", "more"]),
        (["train/a", ""], [None, None], ["train/a", ""]),
    ],
)
def test_parts_are_the_folders_named_so_at_the_top(folders: list[str], parts: list, below: list[str]) -> None:
    found, rest = split_folders([tuple(filter(None, folder.split("/"))) for folder in folders])
    assert found == parts
    assert ["/".join(each) for each in rest] == below


@pytest.mark.parametrize(
    ("folders", "classes"),
    [
        (["cat", "dog"], ["cat", "dog"]),
        (["data/cat", "data/dog"], ["cat", "dog"]),
        (["n01/images", "n02/images", "images"], ["n01", "n02", ""]),
        (["pets/cat", "wild/fox"], ["cat", "fox"]),
        (["pets/cat", "wild/cat"], ["pets", "wild"]),
        (["pets/cat", "wild/cat", "wild/fox"], ["pets/cat", "wild/cat", "fox"]),
        (["cat", "cat"], ["", ""]),
        (["cat", "dog", ""], ["cat", "dog", ""]),
        ([""], [""]),
    ],
)
def test_classes_are_the_folders_that_tell_pictures_apart(folders: list[str], classes: list[str]) -> None:
    assert name_classes([tuple(filter(None, folder.split("/"))) for folder in folders]) == classes


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return _pack(_fill(tmp_path / "pictures", [f"{number:02d}.png" for number in range(40)]), tmp_path / "a.zip")


def test_an_archive_is_never_unpacked_to_disk(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive, "a") as opened:
        opened.write(tmp_path / "pictures" / "00.png", "../../escaped.png")
    before = sorted(tmp_path.rglob("*"))
    _read(archive)
    assert sorted(tmp_path.rglob("*")) == before
    assert not (tmp_path.parent.parent / "escaped.png").exists()


def test_an_encrypted_archive_is_refused(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(PictureError, match="encrypted"):
        _read(archive)


def test_an_archive_of_a_later_version_is_refused(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 250
    archive.write_bytes(content)
    with pytest.raises(PictureError, match=r"zip file version 25\.0"):
        _read(archive)


@pytest.mark.parametrize("size", [0, 30, -30])
def test_a_damaged_archive_is_refused(archive: Path, size: int) -> None:
    archive.write_bytes(archive.read_bytes()[:size])
    with pytest.raises(PictureError, match="not a readable zip"):
        _read(archive)


def test_members_that_are_damaged_or_would_grow_too_large_are_skipped(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(archive.read_bytes())
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 4)
    third = content.index(b"PK\x01\x02", second + 4)
    content[first + 24 : first + 28] = struct.pack("<I", 10_000_001)
    content[second + 24 : second + 28] = struct.pack("<I", 5)  # says less than it holds
    content[third + 16] ^= 1  # another checksum
    archive.write_bytes(content)
    monkeypatch.setattr(files, "MAX_MEMBER_BYTES", 10_000_000)
    split = _read(archive)
    reasons = {file.path.name: file.reason for file in split.skipped}
    assert set(reasons) == {"00.png", "01.png", "02.png"}
    assert "10 MB unpacked" in reasons["00.png"]
    assert "CRC" in reasons["02.png"]


def test_a_member_packed_so_that_memory_cannot_be_bounded_is_skipped(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive, "a") as opened:
        opened.write(tmp_path / "pictures" / "00.png", "rare.png", zipfile.ZIP_LZMA)
    assert [file.path.name for file in _read(archive).skipped] == ["rare.png"]


def test_grey_images_of_sixteen_bits_keep_their_shades(tmp_path: Path) -> None:
    shades = np.arange(256, dtype=np.uint16).reshape(16, 16)
    for number in range(40):
        turned = np.roll(shades, number)
        Image.fromarray(turned * np.uint16(257)).save(tmp_path / f"{number}.png")
    split = _read(tmp_path, channels=1)
    for image in split.train.images:
        np.testing.assert_array_equal(np.sort(image.ravel()), np.arange(256))


def test_a_picture_too_large_to_pad_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (17, 9)).save(tmp_path / "wide.png")
    with pytest.raises(SettingsError, match="17 x 9"):
        _read(tmp_path, resize="pad")


@pytest.mark.parametrize(("name", "message"), [("none", "does not exist"), ("words.txt", "got 'words.txt'")])
def test_a_source_that_is_none_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "words.txt").write_text("hello")
    with pytest.raises(PictureError, match=message):
        _read(tmp_path / name)
