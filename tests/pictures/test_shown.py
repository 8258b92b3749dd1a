"""Which picture a marker means: in run folders, folders of images, and tables."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import PictureError
from bci_app.pictures.picture import Picture, make_picture
from bci_app.pictures.shown import read_shown, without_picture
from bci_app.pictures.source import builtin

SIZE = 16


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), np.uint8)


def run_folder(folder: Path) -> list[Picture]:
    """A run folder that shows three pictures, the first one twice, and one that it did not read."""
    pictures = list(builtin().sample(np.random.default_rng(0), 3, SIZE))
    (folder / "pictures").mkdir(parents=True)
    lines = []
    for trial, picture in enumerate([*pictures, pictures[0]]):
        Image.fromarray(picture.image).save(folder / "pictures" / f"trial_{trial:04d}_shown.png")
        lines.append(json.dumps({"trial": trial, "picture": picture.id}))
    (folder / "trials.jsonl").write_text("\n".join([*lines, json.dumps({"trial": 9, "picture": None}), '{"tri']))
    return pictures


def image_folder(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for seed, name in enumerate(names):
        Image.fromarray(pixels(seed)).save(folder / name)
    return folder


def test_a_run_folder_gives_the_pictures_it_showed_under_their_own_ids(tmp_path: Path) -> None:
    pictures = run_folder(tmp_path / "run")
    labels = [f"shown/{picture.id}" for picture in pictures]
    found = read_shown(tmp_path / "run", [*labels, labels[0]], SIZE)
    assert list(found) == [picture.id for picture in pictures]
    for picture in pictures:
        assert found[picture.id] == picture
        np.testing.assert_array_equal(found[picture.id].image, picture.image)


def test_pictures_of_a_run_are_made_as_large_as_asked(tmp_path: Path) -> None:
    (first, *_) = run_folder(tmp_path / "run")
    (found,) = read_shown(tmp_path / "run", [first.id], 8).values()
    assert found.image.shape == (8, 8, 3)
    assert (found.family, found.label) == (first.family, first.label)


def test_a_folder_gives_images_by_name_or_by_stem(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "faces", "anna.png", "ben.bmp", "c.png")
    found = read_shown(folder, ["anna", "shown/ben.bmp"], SIZE)
    assert found == {
        "anna": make_picture(pixels(0), "faces", "anna"),
        "ben.bmp": make_picture(pixels(1), "faces", "ben"),
    }


def test_a_stem_that_means_two_files_is_refused_and_the_whole_name_is_not(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "faces", "anna.png", "anna.bmp")
    with pytest.raises(PictureError, match=r"'anna' may mean anna.bmp and anna.png .*Rename one of them"):
        read_shown(folder, ["anna"], SIZE)
    assert list(read_shown(folder, ["anna.bmp"], SIZE)) == ["anna.bmp"]


@pytest.mark.parametrize(("name", "comma"), [("table.tsv", "\t"), ("table.csv", ",")])
def test_a_table_gives_the_file_of_each_marker(tmp_path: Path, name: str, comma: str) -> None:
    image_folder(tmp_path / "deep", "x.png", "y.png")
    rows = [("file", "note", "marker"), ("deep/x.png", "", "7"), ("deep/y.png", "", "shown/8"), ("deep/x.png", "", "9")]
    (tmp_path / name).write_text("\n".join(comma.join(row) for row in rows), "utf-8-sig")
    found = read_shown(tmp_path / name, ["7", "8", "9"], SIZE)
    np.testing.assert_array_equal(found["8"].image, pixels(1))
    assert found["7"] == found["9"] == make_picture(pixels(0), "deep", "x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("marker,file\n1,../secret.png", r"row 2 of 'table.csv' names '../secret.png'. Put the pictures beside"),
        ("marker,file\n1,/etc/secret.png", r"row 2 of 'table.csv' names '/etc/secret.png'"),
        ("label,file\n1,x.png", r"has the columns marker and file.*row 2 of 'table.csv' has label: 1, file: x.png"),
        ("marker,file\n1,x.png\n2,", r"both filled in each row; row 3"),
        ("marker,file\n1,x.png\n1,y.png", r"row 3 of 'table.csv' gives '1' another one, y.png"),
        ("", r"none of its 1 labels \(1\) names a readable picture of .*table.csv', which has none"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(PictureError, match=words):
        read_shown(tmp_path / "table.csv", ["1"], SIZE)


def test_a_link_out_of_the_folder_of_a_table_is_refused(tmp_path: Path) -> None:
    image_folder(tmp_path / "elsewhere", "x.png")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "x.png").symlink_to(tmp_path / "elsewhere" / "x.png")
    (tmp_path / "here" / "table.csv").write_text("marker,file\n1,x.png\n")
    with pytest.raises(PictureError, match="must lie in its folder"):
        read_shown(tmp_path / "here" / "table.csv", ["1"], SIZE)


def test_labels_without_a_picture_are_counted_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = image_folder(tmp_path / "faces", "anna.png", "ben.png")
    (folder / "broken.png").write_bytes(b"\x89PNG broken")
    labels = ["anna", "pause", "ben", "broken", "pause"]
    with caplog.at_level(logging.WARNING, logger="bci_app"):
        found = read_shown(folder, labels, SIZE)
    assert list(found) == ["anna", "ben"]
    words = "2 of 4 marker labels (3 markers) have no picture: pause, broken."
    assert without_picture(labels, found) == words
    assert f"{words} The first that cannot be read: 'broken.png'" in caplog.text
    assert without_picture(["anna"], found) == ""


def test_no_picture_at_all_tells_the_labels_and_what_there_is(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "faces", *(f"{letter}.png" for letter in "abcdefg"))
    with pytest.raises(PictureError) as refused:
        read_shown(folder, ["face", "house", "face"], SIZE)
    assert "none of its 2 labels (face, house) names" in str(refused.value)
    assert "which has a.png, b.png, c.png, d.png, e.png and 2 more" in str(refused.value)
    run_folder(tmp_path / "run")
    with pytest.raises(PictureError, match=r"labels \(face\).*/run', which has .*/"):
        read_shown(tmp_path / "run", ["face"], SIZE)


@pytest.mark.parametrize(("name", "what"), [("nowhere", "nothing there"), ("notes.txt", "a file of another kind")])
def test_a_place_without_pictures_is_refused(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "notes.txt").write_text("marker,file")
    with pytest.raises(PictureError, match=rf"'.*{name}' is {what}. Check the path"):
        read_shown(tmp_path / name, ["1"], SIZE)
