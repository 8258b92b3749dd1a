"""Pictures that were shown: equal ones have one id."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import PictureError, SettingsError
from tests.training.data.trials import numbered_trials
from training.data import stimuli
from training.data.brain import together
from training.data.stimuli import PictureFiles, equal_ids, known_ids, picture_hash, read_zip

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_equal_bytes_and_equal_pixels_have_one_id() -> None:
    assert picture_hash(PIXELS[0]) == picture_hash(PIXELS[0].copy()[::-1][::-1])
    assert picture_hash(_png(PIXELS[0])) == picture_hash(_png(PIXELS[0]))
    ids = {picture_hash(each) for each in PIXELS} | {picture_hash(_png(each)) for each in PIXELS}
    assert len(ids) == 6
    assert all(len(each) == 12 and set(each) <= set("0123456789abcdef") for each in ids)


def test_a_zip_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, number in (
            ("x/2.png", 1),
            ("x/1.png", 0),
            ("x/3.png", 0),
            ("readme.txt", 2),
            ("__MACOSX/x/._1.png", 1),
        ):
            archive.writestr(name, _png(PIXELS[number]))
    ids, images = read_zip(tmp_path / "a.zip")
    assert ids[0] == ids[2] != ids[1]  # the same picture under two names
    for number, each in enumerate(ids[:2]):
        np.testing.assert_array_equal(images[each], PIXELS[number])
    assert len(images) == 2


def test_a_zip_that_is_missing_cut_or_holds_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="must be a zip archive"):
        read_zip(tmp_path / "none.zip")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.png", _png(PIXELS[0])[:50])
    with pytest.raises(PictureError, match=r"1\.png"):
        read_zip(tmp_path / "a.zip")
    whole = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[:-30])
    with pytest.raises(PictureError, match="Fetch it again"):
        read_zip(tmp_path / "a.zip")


def test_a_file_too_large_to_be_a_picture_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stimuli, "MAX_MEMBER_BYTES", 10)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.png", _png(PIXELS[0]))
    with pytest.raises(PictureError, match=r"'1.png' in 'a.zip' is too large"):
        read_zip(tmp_path / "a.zip")


def test_pictures_are_known_by_their_pixels_and_those_missing_are_named() -> None:
    pictures = {"a": PIXELS[0], "b": PIXELS[1], "c": PIXELS[0].copy()}
    assert equal_ids(pictures) == {"a": "a", "b": "b", "c": "a"}
    assert known_ids(["c", "b", "", "a"], pictures, "x") == ("a", "b", "", "a")
    with pytest.raises(SettingsError, match=r"'x' shows 2 pictures, 1 of which are not among the 3 given, such as 'z'"):
        known_ids(["z", "a"], pictures, "x")
    with pytest.raises(SettingsError, match="shows 0 pictures"):
        known_ids([], pictures, "x")


def test_files_are_decoded_when_they_are_asked_for_even_after_joining(tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(_png(PIXELS[0]))
    (tmp_path / "bad.png").write_bytes(b"no picture")
    images = PictureFiles({"g": tmp_path / "good.png", "b": tmp_path / "bad.png"})
    assert (len(images), set(images)) == (2, {"g", "b"})
    one = numbered_trials(pictures=["g"])
    object.__setattr__(one, "images", images)
    both = together([one, numbered_trials(pictures=["b"])], "both")
    np.testing.assert_array_equal(both.images["g"], PIXELS[0])
    with pytest.raises(PictureError, match=r"bad\.png"):
        both.images["b"]
