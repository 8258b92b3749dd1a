"""Pictures are fitted, put on their side, and grouped without a second copy."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from training.data import sorting
from training.data.images import read_split
from training.data.offers import Offer, Offers
from training.data.sorting import choose_side, fit_picture, sort_pictures
from training.settings import PictureSettings

WANTED = PictureSettings(size=16, channels=1, validation=0.2, test=0.3)


def _digest(place: float) -> str:
    return f"{int(place * 16**8):08x}0000"


@pytest.mark.parametrize(
    ("place", "part", "parts", "side"),
    [
        (0.29, None, (), "test"),
        (0.31, None, (), "validation"),
        (0.49, None, (), "validation"),
        (0.51, None, (), "train"),
        (0.10, "train", ("train", "test"), "validation"),
        (0.21, "train", ("train", "test"), "train"),
        (0.99, "test", ("train", "test"), "test"),
        (0.01, "train", ("train", "test", "validation"), "train"),
        (0.01, "validation", ("train", "test", "validation"), "validation"),
    ],
)
def test_the_side_is_the_published_one_or_that_of_the_hash(
    place: float, part: str | None, parts: tuple[str, ...], side: str
) -> None:
    assert choose_side(_digest(place), part, frozenset(parts), WANTED) == side  # type: ignore[arg-type]


def test_grouping_gives_what_a_stable_sort_with_a_copy_gives() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (300, 16, 16, 1), dtype=np.uint8)
    offers = Offers("noise", (), frozenset(), 300, (Offer(picture, index) for index, picture in enumerate(pixels)))
    found = sort_pictures(offers, WANTED, None)
    order = found.labels[: found.n]
    np.testing.assert_array_equal(found.pixels[: found.n], pixels[order])
    assert sorted(order) == list(range(300))
    for number in range(3):
        assert (np.diff(order[found.sides[: found.n] == number]) > 0).all()
    assert (np.diff(found.sides[: found.n]) >= 0).all()


def test_cropping_keeps_the_middle_and_the_mean() -> None:
    wide = np.zeros((32, 64, 3), np.uint8)
    wide[:, :16], wide[:, 48:] = 255, 255  # all that is cut away
    wide[:, 16:48, 0] = np.arange(32)[:, None]
    fitted = fit_picture(wide, PictureSettings(size=16))
    assert fitted[..., 1:].max() == 0
    assert fitted[..., 0].mean() == pytest.approx(15.5, abs=0.6)


def test_pictures_too_many_for_memory_lie_in_a_file_that_goes_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = PictureSettings(n=120, size=16, validation=0.2, test=0.2)
    small = read_split(wanted, 0)
    monkeypatch.setattr(sorting, "MAX_IN_MEMORY", 1000)
    with pytest.raises(SettingsError, match=r"120 pictures of 16 x 16 .* Give a cache folder"):
        read_split(wanted, 0)
    mapped = read_split(wanted, 0, cache=tmp_path / "cache")
    for one, other in ((small.train, mapped.train), (small.validation, mapped.validation), (small.test, mapped.test)):
        np.testing.assert_array_equal(one.images, other.images)
    assert _has_map_below(mapped.train.images)
    assert not _has_map_below(small.train.images)
    del mapped, other
    assert list((tmp_path / "cache").iterdir()) == []


def _has_map_below(array: np.ndarray | None) -> bool:
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "MAX_IN_MEMORY", 0)
    monkeypatch.setattr(sorting.shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
    with pytest.raises(SettingsError, match="Choose another"):
        read_split(PictureSettings(n=20, size=16), 0, cache=tmp_path)
