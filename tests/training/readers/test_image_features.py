"""Image features by picture id."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import PictureError
from training.readers.image_features import read_image_features


def test_features_are_found_by_picture(tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(2, 5))
    np.savez(tmp_path / "clip.npz", pictures=["cat/1", "dog/2"], features=features)
    found = read_image_features(tmp_path / "clip.npz")
    assert list(found) == ["cat/1", "dog/2"]
    np.testing.assert_allclose(found["dog/2"], features[1], rtol=1e-6)
    assert found["cat/1"].dtype == np.float32


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"pictures": ["a"]}, "is none"),
        ({"pictures": ["a"], "features": np.ones((2, 3))}, r"has \(1,\) and float64 \(2, 3\)"),
        ({"pictures": ["a"], "features": np.full((1, 3), np.nan)}, "must be finite"),
        ({"pictures": np.array([{}], dtype=object), "features": np.ones((1, 3))}, "is none"),
    ],
)
def test_another_layout_is_refused_in_words_and_objects_are_never_loaded(
    tmp_path: Path, content: dict, told: str
) -> None:
    np.savez(tmp_path / "clip.npz", **content)
    with pytest.raises(PictureError, match=told):
        read_image_features(tmp_path / "clip.npz")


def test_a_file_that_is_missing_or_damaged_is_said(tmp_path: Path) -> None:
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 nothing")
    for name in ("broken.npz", "missing.npz"):
        with pytest.raises(PictureError, match="is none"):
            read_image_features(tmp_path / name)
