from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import PictureError
from bci_app.pictures import folder
from bci_app.pictures.source import from_folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Four readable images, one for each format, and no other file."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    for name in ("a.png", "b.jpg", "c.bmp", "d.webp"):
        Image.fromarray(pixels).save(tmp_path / name)
    return tmp_path


def test_all_formats_are_read_square_and_of_the_asked_size(images: Path) -> None:
    source = from_folder(images)
    pictures = source.sample(np.random.default_rng(0), 4, size=32)
    assert {picture.label for picture in pictures} == {"a", "b", "c", "d"}
    assert all(picture.image.shape == (32, 32, 3) for picture in pictures)


def test_broken_files_are_named_counted_and_skipped(images: Path, caplog: pytest.LogCaptureFixture) -> None:
    (images / "cut.png").write_bytes((images / "a.png").read_bytes()[:200])
    (images / "text.jpg").write_text("not an image")
    with caplog.at_level(logging.INFO, logger="bci_app"):
        source = from_folder(images)
    assert {file.path.name for file in source.skipped} == {"cut.png", "text.jpg"}
    assert len(source.files) == 4
    assert "2 of 6" in caplog.text
    assert "cut.png" in caplog.text


@pytest.mark.parametrize("content", [{}, {"notes.txt": b"hello"}])
def test_a_folder_without_images_is_refused(tmp_path: Path, content: dict[str, bytes]) -> None:
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(PictureError, match="holds no image"):
        from_folder(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="is not one"):
        from_folder(tmp_path / "absent")


def test_a_folder_of_broken_files_is_refused_with_the_first_reason(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(PictureError, match=r"None of the 1 .* 'x.png'"):
        from_folder(tmp_path)


def test_a_decompression_bomb_is_skipped_before_its_pixels_are_made(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAX_PIXELS", 10_000)
    Image.new("RGB", (200, 200)).save(images / "huge.png")
    assert "40" not in [file.path.name for file in from_folder(images).skipped]
    assert "more than 10,000" in from_folder(images).skipped[0].reason


def test_transparency_is_laid_on_mid_grey(tmp_path: Path) -> None:
    Image.new("RGBA", (16, 16), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (from_folder(tmp_path).sample(np.random.default_rng(0), 1, 16)[0].image == 128).all()


def test_awkward_file_names_give_names_that_fit_a_marker(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "größe 1 ü.png")
    picture = from_folder(tmp_path).sample(np.random.default_rng(0), 1)[0]
    assert picture.id.isascii()
    assert picture.id.count("/") == 2
    assert " " not in picture.id


def test_every_picture_comes_once_before_any_comes_twice(images: Path) -> None:
    labels = [picture.label for picture in from_folder(images).sample(np.random.default_rng(1), 8, 16)]
    assert set(labels[:4]) == set(labels[4:]) == {"a", "b", "c", "d"}
