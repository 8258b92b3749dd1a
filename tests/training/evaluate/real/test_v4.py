"""The protocol of the V4 sessions: components, splits, baseline, and the whole measurement on a tiny made-up session."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from bci_app.contract.errors import RecordingError
from training.evaluate.reader_report import write_reader_report
from training.evaluate.real import v4


def photographs(n: int, seed: int) -> np.ndarray:
    """Blurred colour noise, uint8 (n, 64, 64, 3)."""
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.standard_normal((n, 64, 64, 3)), (0, 8, 8, 0))
    return np.asarray(np.clip(128 + 900 * smooth, 0, 255), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One session whose neurons count the brightness of a place each."""
    shown, rng = photographs(80, 0), np.random.default_rng(1)
    with zipfile.ZipFile(tmp_path / "images_240101.zip", "w") as archive:
        for number, image in enumerate(shown):
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "PNG")
            archive.writestr(f"image{number:04d}.png", buffer.getvalue())
    places = shown.reshape(80, 4, 16, 4, 16, 3).mean(axis=(2, 4)).reshape(80, -1) / 20
    np.save(tmp_path / "responses_240101.npy", rng.poisson(places).T.astype(float))
    return tmp_path


def test_components_are_those_of_the_training_photographs_and_draw_what_they_hold() -> None:
    shown = photographs(60, 0)
    components = v4.Components.of(shown)
    latents = components.encode(shown)
    np.testing.assert_allclose(latents.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.cov(latents.T) - np.diag(latents.var(axis=0, ddof=1)), 0, atol=1e-2)
    drawn = components.draw(latents)
    assert drawn.shape == (60, v4.SIDE, v4.SIDE, 3)
    kept = np.corrcoef(drawn.reshape(60, -1)[0], v4.pixels(shown)[0])[0, 1]
    assert kept > 0.8


def test_splits_hold_out_a_fifth_of_the_photographs(folder: Path) -> None:
    session = v4.Session(folder / "images_240101.zip", folder / "responses_240101.npy")
    assert len(session.folds) == 3
    for train, test in session.folds:
        assert len(test) == 16
        assert sorted([*train, *test]) == list(range(80))
    assert not np.array_equal(session.folds[0][1], session.folds[1][1])


def test_a_session_is_measured_and_shown_on_a_page(folder: Path) -> None:
    result, page = v4.measure(folder, v4.NaturalPictures(photographs(50, 9)))
    assert result.value > 0.7 > result.shuffled
    assert result.baseline > 0.7
    assert 0.3 < result.noise < 0.7
    assert "240101" in result.notes[-1]
    written = write_reader_report(folder / "v4.html", page).read_text("utf-8")
    assert "principal components" in written
    assert "No generator of natural pictures was given" in written


def test_a_folder_without_sessions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"images_\*\.zip"):
        v4.measure(tmp_path, v4.NaturalPictures(photographs(2, 0)))
