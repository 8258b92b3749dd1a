"""One folder per run: what lies in it, and what is said when it cannot be."""

from __future__ import annotations

import errno
import json
import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bci_app.contract.errors import BundleCorruptError, SettingsError
from training import run_folder
from training.errors import DiskError
from training.gan_recipe import GanRecipe
from training.reader_recipe import ReaderRecipe
from training.run_folder import RunFolder, new_run, open_run, read_tensors, write_tensors

NOW = datetime(2026, 3, 4, 5, 6, 7)


def test_a_new_run_holds_its_recipe_and_where_it_comes_from(tmp_path: Path) -> None:
    recipe = GanRecipe(name="mine", seed=7)
    run = new_run(tmp_path / "runs", recipe, NOW, "python -m x")
    assert run.path == tmp_path / "runs" / "mine-20260304-050607"
    assert GanRecipe.model_validate_json((run.path / "recipe.json").read_text("utf-8")) == recipe
    origin = json.loads((run.path / "origin.json").read_text("utf-8"))
    assert origin == {"commit": run_folder.commit(), "command": "python -m x", "seed": 7,
                      "started": "2026-03-04T05:06:07"}  # fmt: skip
    assert run.origin("command") == "python -m x"


def test_runs_that_begin_in_the_same_second_are_numbered(tmp_path: Path) -> None:
    names = [new_run(tmp_path, GanRecipe(seed=seed), NOW, "").path.name for seed in range(3)]
    assert names == ["gan-20260304-050607", "gan-20260304-050607-2", "gan-20260304-050607-3"]
    assert [json.loads((tmp_path / name / "origin.json").read_text("utf-8"))["seed"] for name in names] == [0, 1, 2]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match=r"cannot be written: .*choose another --runs folder"):
        new_run(tmp_path / "file", GanRecipe(), NOW, "")


def test_only_a_run_that_was_saved_is_said_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError) as caught:
        new_run(tmp_path / "file", GanRecipe(), NOW, "")
    assert "--resume" not in str(caught.value)
    for saved in (False, True):
        with pytest.raises(DiskError) as caught, run_folder.writing(tmp_path / "log.jsonl"):
            raise OSError(errno.ENOSPC, "No space left on device")
        assert ("go on with --resume" in str(caught.value)) == saved
        write_tensors(tmp_path / run_folder.CHECKPOINT, {"step": torch.tensor(1)})


def test_going_on_keeps_the_recipe_of_now_and_each_command(tmp_path: Path) -> None:
    run = new_run(tmp_path, GanRecipe(), NOW, "python -m x")
    before = json.loads((run.path / "origin.json").read_text("utf-8"))
    for seed in (1, 2):
        run.go_on(GanRecipe(seed=seed), NOW, f"go {seed}")
        assert GanRecipe.model_validate_json((run.path / "recipe.json").read_text("utf-8")).seed == seed
    told = {"time": "2026-03-04T05:06:07", "commit": run_folder.commit()}
    after = json.loads((run.path / "origin.json").read_text("utf-8"))
    assert after == before | {"continued": [told | {"command": "go 1"}, told | {"command": "go 2"}]}
    (run.path / "origin.json").unlink()
    with pytest.raises(SettingsError, match=r"origin\.json that can be read"):
        run.go_on(GanRecipe(), NOW, "")


def test_the_log_is_cut_to_the_step_of_the_checkpoint(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.forget_after(3)
    for step in (1, 3, 4, 3):
        run.log(step=step)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 2, "loss"')
    run.forget_after(3)
    run.log(step=4)
    assert (tmp_path / "log.jsonl").read_text("utf-8") == "".join(f'{{"step": {step}}}\n' for step in (1, 3, 3, 4))


def test_a_run_is_opened_with_its_recipe_once_something_was_saved(tmp_path: Path) -> None:
    recipe = GanRecipe(seed=3)
    run = new_run(tmp_path, recipe, NOW, "")
    with pytest.raises(SettingsError, match=r"holds no checkpoint.safetensors; it stopped before the first was saved"):
        open_run(run.path, GanRecipe)
    write_tensors(run.checkpoint, {"step": torch.tensor(1)})
    assert open_run(run.path, GanRecipe) == (run, recipe)
    with pytest.raises(SettingsError, match=r"is a run of training.train_gan, not of training.train_reader\."):
        open_run(run.path, ReaderRecipe)
    (run.path / "recipe.json").write_text('{"network": {"kind": "dcgan", "latent_dim": 0}}', "utf-8")
    with pytest.raises(SettingsError, match=r"none that can be read: network.latent_dim: Input should be greater"):
        open_run(run.path, GanRecipe)
    with pytest.raises(SettingsError, match=r"a folder with a recipe.json"):
        open_run(tmp_path / "none", GanRecipe)


def test_log_lines_are_appended_in_order(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.log(step=1, loss=0.5)
    run.log(step=2, warning="Fréchet")
    lines = (tmp_path / "log.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"step": 1, "loss": 0.5}, {"step": 2, "warning": "Fréchet"}]


@pytest.mark.parametrize("n_channels", [1, 3])
def test_a_grid_keeps_every_pixel_in_its_row_and_column(n_channels: int, tmp_path: Path) -> None:
    rows = list(np.random.default_rng(0).integers(0, 256, (2, 3, 4, 4, n_channels), dtype=np.uint8))
    made = RunFolder(tmp_path).save_grid("grid", rows)
    with Image.open(tmp_path / "grid.png") as file:
        pixels = np.asarray(file)
    np.testing.assert_array_equal(pixels, made)
    assert pixels.shape == (12, 18, 3)
    for row in range(2):
        for column in range(3):
            cell = pixels[6 * row + 1 : 6 * row + 5, 6 * column + 1 : 6 * column + 5]
            np.testing.assert_array_equal(cell, np.broadcast_to(rows[row][column], (4, 4, 3)))
    assert not pixels[::6].any(), "black lines between"


def test_tensors_come_back_as_they_went_whatever_their_memory_order(tmp_path: Path) -> None:
    tensors = {
        "image": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
        "turned": torch.randn(3, 5).T,
        "step": torch.tensor(7),
        "best": torch.tensor(float("inf"), dtype=torch.float64),
        "learnt": torch.nn.Parameter(torch.randn(2)),
    }
    write_tensors(tmp_path / "x.safetensors", tensors)
    back = read_tensors(tmp_path / "x.safetensors")
    assert back.keys() == tensors.keys()
    assert all(torch.equal(value, back[name]) and value.dtype == back[name].dtype for name, value in tensors.items())
    assert [file.name for file in tmp_path.iterdir()] == ["x.safetensors"]


def test_a_new_file_is_moved_into_place_and_never_written_over_the_old_one(tmp_path: Path) -> None:
    path, kept = tmp_path / "x.safetensors", tmp_path / "kept.safetensors"
    write_tensors(path, {"step": torch.tensor(1)})
    kept.hardlink_to(path)
    write_tensors(path, {"step": torch.tensor(2)})
    assert [int(read_tensors(each)["step"]) for each in (kept, path)] == [1, 2]


def test_a_disk_that_fills_while_writing_leaves_the_file_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"step": torch.tensor(1)})

    def full(tensors: object, draft: str, header: object) -> None:
        Path(draft).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(run_folder, "save_file", full)
    with pytest.raises(DiskError, match=r"No space left on device\. Make room on the disk"):
        write_tensors(path, {"step": torch.tensor(2)})
    assert int(read_tensors(path)["step"]) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["x.safetensors"]


def test_a_missing_folder_is_a_disk_error_of_safetensors_too(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="cannot be written"):
        write_tensors(tmp_path / "none" / "x.safetensors", {"step": torch.tensor(1)})


@pytest.mark.parametrize("content", [b"", b"not tensors at all", b"\xff" * 100])
def test_other_files_are_no_tensors(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(BundleCorruptError, match=r"must be a safetensors file; reading it failed"):
        read_tensors(tmp_path / "x.safetensors")


def test_the_commit_is_a_hash_or_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_folder.commit().removesuffix("+changes").isalnum()
    monkeypatch.setattr(run_folder, "__file__", str(tmp_path / "training" / "run_folder.py"))
    (tmp_path / "training").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert run_folder.commit() == "unknown"
