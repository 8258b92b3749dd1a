"""Categories from blocks of fMRI: which volumes are averaged, and what is taken out of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import RecordingError
from tests.training.data.volumes import GRID, INSIDE, numbered_volumes, write_mask, write_nifti
from training.evaluate.real import haxby

TR_S, N_RUNS, N_REST, N_SHOWN = 2.5, 4, 5, 3
KINDS = ("face", "house", "cat")


def _table(folder: Path, stem: str = "") -> int:
    """Runs of three blocks of three volumes, five volumes of rest before each and after the last."""
    lines = []
    for run in range(N_RUNS):
        for kind in KINDS:
            lines += [f"rest {run}"] * N_REST + [f"{kind} {run}"] * N_SHOWN
        lines += [f"rest {run}"] * N_REST
    (folder / f"{stem}attributes_literal.txt").write_text("\n".join(lines) + "\n")
    return len(lines)


def _participant(folder: Path, stem: str = "", effect: float = 6.0) -> None:
    """Each voxel of three rises in blocks of one category, in noise."""
    n_volumes = _table(folder, stem)
    labels = [line.split()[0] for line in (folder / f"{stem}attributes_literal.txt").read_text().splitlines()]
    values = 100 + np.random.default_rng(0).normal(size=(*GRID, n_volumes))
    for voxel, kind in zip(np.argwhere(INSIDE), KINDS, strict=True):
        values[tuple(voxel)] += effect * np.array([label == kind for label in labels])
    write_nifti(folder / f"{stem}bold.nii.gz", values.astype(np.float32), TR_S)
    write_mask(folder, name=f"{stem}mask.nii.gz")


def test_windows_hold_the_volumes_before_during_and_after_a_block(tmp_path: Path) -> None:
    n_volumes = _table(tmp_path)
    write_nifti(tmp_path / "bold.nii.gz", numbered_volumes(n_volumes), TR_S)
    write_mask(tmp_path)
    blocks = haxby.read_trials(tmp_path / "bold.nii.gz", "block", "none")
    assert (blocks.n_before, blocks.n_shown, blocks.around) == (4, N_SHOWN, 0)
    assert blocks.trials.labels == KINDS * N_RUNS
    assert blocks.trials.windows.shape == (3 * N_RUNS, 3, 4 + N_SHOWN + max(haxby.SHIFTS))
    first = numbered_volumes(n_volumes)[INSIDE][:, N_REST - 4 : N_REST + N_SHOWN + 2]
    np.testing.assert_array_equal(blocks.trials.windows[0], first)
    # voxel + 1000 x number: the mean of volumes 6, 7 and 8 less half the mean of 1 to 4
    np.testing.assert_allclose(first[0] @ blocks.course(1, 0.5), first[0, 0] * 0.5 - 1 * 0.5 + 7 - 0.5 * 2.5, rtol=1e-6)
    np.testing.assert_allclose(blocks.course(2, 1.0).sum(), 0, atol=1e-12)


def test_a_volume_is_averaged_with_those_around_it(tmp_path: Path) -> None:
    n_volumes = _table(tmp_path)
    write_nifti(tmp_path / "bold.nii.gz", numbered_volumes(n_volumes), TR_S)
    write_mask(tmp_path)
    blocks = haxby.read_trials(tmp_path / "bold.nii.gz", "volume", "none")
    assert (blocks.n_shown, blocks.around, len(blocks.trials)) == (1, haxby.AROUND, 9 * N_RUNS)
    course = blocks.course(0, 0.0)
    np.testing.assert_allclose(course, [0, 0, 0.2, 0.2, 0.2, 0.2, 0.2, 0, 0])
    np.testing.assert_allclose(blocks.trials.windows[0, 0] @ course, numbered_volumes(n_volumes)[INSIDE][0, N_REST])


def test_categories_are_read_in_runs_that_were_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haxby, "SHIFTS", (0, 1))
    monkeypatch.setattr(haxby, "SHARES", (0.0, 0.5))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        _participant(tmp_path / name)
    found = haxby.measure(tmp_path)
    assert found.value > 0.9
    assert found.chance == pytest.approx(1 / 3)
    assert found.noise < 0.8
    names = [each.score.name for each in found.finding]
    assert [name.split("blocks, ")[1] for name in names] == [
        f"{each[0]}, mean over 2 participants" for each in haxby.VARIANTS
    ]
    assert found.finding[0].score.n == 2 * 3 * N_RUNS
    assert found.finding[2].score.n == 2 * 9 * N_RUNS


def test_files_of_one_folder_belong_together_by_their_beginning(tmp_path: Path) -> None:
    _participant(tmp_path, "sub-7_")
    assert len(haxby.read_trials(tmp_path / "sub-7_bold.nii.gz", "block", "run").trials) == 12
    (tmp_path / "sub-7_mask.nii.gz").unlink()
    with pytest.raises(RecordingError):
        haxby.read_trials(tmp_path / "sub-7_bold.nii.gz", "block", "run")


def test_a_block_without_anything_before_it_is_no_trial(tmp_path: Path) -> None:
    (tmp_path / "attributes_literal.txt").write_text("face 0\nface 0\nface 0\n" + "rest 0\n" * 9)
    write_nifti(tmp_path / "bold.nii.gz", numbered_volumes(12), TR_S)
    write_mask(tmp_path)
    with pytest.raises(RecordingError, match="needs 10 s before it"):
        haxby.read_trials(tmp_path / "bold.nii.gz", "block", "none")
