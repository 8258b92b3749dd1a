"""The command: what cannot be done is said in one message, and Ctrl-C keeps what was learnt."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bci_app.contract.errors import PictureError
from bci_app.contract.manifest import Score
from models.classifier import Classifier
from training import train_gan
from training.data.images import read_split
from training.evaluate.classifier_files import ClassifierCard, save_classifier
from training.gan import checkpoint
from training.gan.loop import begin, fit
from training.gan_recipe import GanRecipe
from training.processes import open_fabric
from training.run_folder import RunFolder, new_run, open_run, read_tensors
from training.settings import ClassifierRecipe, read_any_recipe

TINY = {kind: f"configs/train/tiny/{kind}32.yaml" for kind in ("dcgan", "bigbigan")}
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _message(captured: pytest.CaptureFixture[str]) -> str:
    """The one message of a command that failed as it should."""
    error = captured.readouterr().err
    assert "Traceback" not in error
    assert len(error.strip().splitlines()) == 1, error
    return error.strip()


@pytest.mark.parametrize(("kind", "override", "message"), [
    ("dcgan", "updates.stepz=7", "updates.stepz: Extra inputs are not permitted"),
    ("dcgan", "pictures.size=48", "pictures.size: Input should be 16, 32, 64 or 128"),
    ("dcgan", "pictures.size=16", "must be one of 32, 64, 128"),
    ("dcgan", "updates.accumulation=3", "updates.batch_size must be divisible"),
    ("dcgan", "weights.spectral_norm=[encoder]", "a DCGAN has no encoder"),
    ("bigbigan", "network.latent_dim=13", "such as 12 or 16; got 13"),
    ("bigbigan", "network.self_attention=32", "must be a map's side"),
    ("dcgan", "machine.accelerator=tpu", "machine.accelerator: Input should be 'auto', 'cpu' or 'cuda'"),
    ("dcgan", "pictures.families=[faces]", "faces"),
    ("dcgan", "pictures.source=nowhere", "nowhere"),
])  # fmt: skip
def test_a_wrong_recipe_is_one_message_and_no_folder(
    kind: str, override: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [TINY[kind], "machine.accelerator=cpu", override, "--runs", str(tmp_path)]
    assert train_gan.main(words) == 1
    assert message in _message(capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_pictures_or_with_broken_ones_is_one_message_and_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, runs = tmp_path / "pictures", tmp_path / "runs"
    pictures.mkdir()
    runs.mkdir()
    words = [TINY["dcgan"], f"pictures.source={pictures}", "machine.accelerator=cpu", "--runs", str(runs)]
    assert train_gan.main(words) == 1
    assert "holds no image" in _message(capsys)
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    assert train_gan.main(words) == 1
    assert "broken.png" in _message(capsys)
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(pictures / "alone.png")
    assert train_gan.main(words) == 1
    assert _message(capsys)
    assert list(runs.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_an_accelerator_that_is_not_there_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_gan.main([TINY["dcgan"], "machine.accelerator=cuda", "--runs", str(tmp_path)]) == 1
    assert "Set machine.accelerator=cpu" in _message(capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_cannot_be_resumed_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_gan.main(["--resume", str(tmp_path / "none")]) == 1
    assert "recipe.json" in _message(capsys)


def test_a_run_whose_recipe_or_pictures_have_changed_is_one_message_and_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["machine.accelerator=cpu", "watch.n=16", f"pictures.source={tmp_path / 'gone'}"]
    recipe = read_any_recipe(GanRecipe, TINY["dcgan"], more)
    run = new_run(tmp_path, recipe, datetime(2026, 1, 1), "")
    checkpoint.save(begin(recipe, open_fabric(recipe.machine)), run.checkpoint)
    assert train_gan.main(["--resume", str(run.path)]) == 1
    assert "gone" in _message(capsys)
    changed = read_any_recipe(GanRecipe, TINY["dcgan"], [*more[:2], "network.generator_width=5"])
    (run.path / "recipe.json").write_text(changed.model_dump_json(), "utf-8")
    assert train_gan.main(["--resume", str(run.path)]) == 1
    assert "belongs to another architecture" in _message(capsys)
    assert run.checkpoint.is_file()


@pytest.fixture
def stopped(tmp_path: Path) -> RunFolder:
    """A run that was saved before its first step."""
    recipe = read_any_recipe(
        GanRecipe, TINY["dcgan"], ["machine.accelerator=cpu", "watch.n=16", "bundle.enabled=false"]
    )
    run = new_run(tmp_path / "runs", recipe, datetime(2026, 1, 1), "begun")
    checkpoint.save(begin(recipe, open_fabric(recipe.machine)), run.checkpoint)
    return run


@pytest.mark.parametrize(("words", "message"), [
    ([TINY["dcgan"]], "takes the recipe in the run's folder; got configs/train/tiny/dcgan32.yaml too"),
    (["updates.batch_size=4"], "these may change: evaluation.*, bundle.*, watch.*, machine.*, updates.steps; got 'upd"),
    (["updates.stepsize=4"], "these may change: evaluation.*"),
    (["seed=4"], "got 'seed=4'. Start a new run for it"),
    (["watch.n=3"], "watch.n: Input should be greater than or equal to 16"),
])  # fmt: skip
@pytest.mark.parametrize("flag", ["--resume", "--finish"])
def test_what_cannot_change_in_a_run_that_has_begun_is_one_message(
    flag: str, words: list[str], message: str, stopped: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file.name: file.read_bytes() for file in stopped.path.iterdir()}
    assert train_gan.main([flag, str(stopped.path), *words]) == 1
    assert message in _message(capsys)
    assert {file.name: file.read_bytes() for file in stopped.path.iterdir()} == before


def test_resume_and_finish_exclude_each_other_and_one_recipe_is_enough(
    stopped: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_gan.main(["--resume", str(stopped.path), "--finish", str(stopped.path)]) == 1
    assert "got both" in _message(capsys)
    assert train_gan.main([TINY["dcgan"], TINY["bigbigan"]]) == 1
    assert "One recipe is trained at a time" in _message(capsys)


def test_a_run_goes_on_with_what_was_changed_and_says_so(
    stopped: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["updates.steps=2", "watch.log_every=1"]
    assert train_gan.main(["--resume", str(stopped.path), *more]) == 0
    run, recipe = open_run(stopped.path, GanRecipe)
    assert int(read_tensors(run.checkpoint)["step"]) == recipe.updates.steps == 2
    assert recipe.watch.log_every == 1
    assert train_gan.main(["--finish", str(stopped.path), "evaluation.enabled=false"]) == 0
    assert not open_run(stopped.path, GanRecipe)[1].evaluation.enabled
    origin = json.loads((run.path / "origin.json").read_text("utf-8"))
    program = "python -m training.train_gan"
    assert origin["command"] == "begun"
    assert [each["command"] for each in origin["continued"]] == [
        f"{program} --resume {run.path} updates.steps=2 watch.log_every=1",
        f"{program} --finish {run.path} evaluation.enabled=false",
    ]
    capsys.readouterr()
    assert train_gan.main(["--resume", str(stopped.path), "updates.steps=1"]) == 1
    assert "has trained 2 steps; updates.steps must be no fewer, got 1" in _message(capsys)
    assert json.loads((run.path / "origin.json").read_text("utf-8")) == origin


@pytest.mark.parametrize(("override", "message"), [
    ("evaluation.classifier={here}/none", "A trained classifier is a folder"),
    ("bundle.folder={here}/file/bundle", "cannot be written: Not a directory. Choose another bundle.folder"),
    ("pictures.validation=0.01", "Raise pictures.n (or give more pictures) or pictures.validation, which is 0.01"),
    ("network.generator_width=1000000000000", "must fit into memory and do not"),
])  # fmt: skip
def test_what_would_fail_at_the_end_is_said_before_the_first_step(
    override: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    runs = tmp_path / "runs"
    runs.mkdir()
    words = [TINY["dcgan"], "machine.accelerator=cpu", override.format(here=tmp_path), "--runs", str(runs)]
    assert train_gan.main(words) == 1
    assert message in _message(capsys)
    assert list(runs.iterdir()) == []


def test_a_classifier_that_cannot_read_the_pictures_is_refused_before_the_first_step(tmp_path: Path) -> None:
    network = Classifier(1, 2, (4, 4, 4))
    card = ClassifierCard(
        recipe=ClassifierRecipe.model_validate({"widths": (4, 4, 4), "pictures": {"size": 32, "channels": 1}}),
        n_channels=1, classes=("a", "b"), accuracy=Score(name="accuracy", value=0.5, n=2, held_out="none"),
        data="", commit="", command="",
    )  # fmt: skip
    save_classifier(tmp_path, network, card)
    split = read_split(read_any_recipe(GanRecipe, TINY["dcgan"]).pictures, 0)
    recipe = read_any_recipe(GanRecipe, TINY["dcgan"], [f"evaluation.classifier={tmp_path}"])
    with pytest.raises(PictureError, match="A classifier of grey pictures cannot compare coloured ones"):
        train_gan._refuse_what_fails_at_the_end(recipe, split)


def test_rates_that_are_far_too_high_end_in_one_message_and_leave_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = [f"updates.{part}_rate=1e20" for part in ("generator", "discriminator")]
    words = [TINY["dcgan"], *rates, "machine.accelerator=cpu", "--runs", str(tmp_path)]
    assert train_gan.main(words) == 1
    assert re.search(r"must be finite and (is|are) not; nothing was saved yet\. Lower the rates", _message(capsys))
    (run,) = tmp_path.iterdir()
    assert (run / "recipe.json").is_file()
    assert train_gan.main(["--resume", str(run)]) == 1
    assert "it stopped before the first was saved" in _message(capsys)


def _heed_interrupts() -> None:
    """A terminal lets its programs hear Ctrl-C; one that runs these tests in the background does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are another thing there")
def test_ctrl_c_in_the_terminal_saves_says_how_to_go_on_and_loses_nothing(tmp_path: Path) -> None:
    overrides = ["updates.steps=100000", "watch.log_every=1", "watch.watch_every=100000", "watch.save_every=100000",
                 "machine.accelerator=cpu", "watch.n=16"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "training.train_gan", TINY["dcgan"], *overrides, "--runs", str(tmp_path)],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "500"}, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True, preexec_fn=_heed_interrupts,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 90
        while not any(path.stat().st_size for path in tmp_path.glob("*/log.jsonl")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, err
    assert "Traceback" not in err + out
    (folder,) = tmp_path.iterdir()
    assert f"Stopped. Go on with: python -m training.train_gan --resume {folder}" in out
    run, recipe = open_run(folder, GanRecipe)
    fabric, split = open_fabric(recipe.machine), read_split(recipe.pictures, recipe.seed)
    resumed = begin(recipe, fabric)
    checkpoint.restore(resumed, run.checkpoint)
    stop = resumed.step + 2
    assert stop > 2
    fit(resumed, split, recipe, fabric, run, stop_at=stop)
    other = RunFolder(tmp_path / "uninterrupted")
    other.path.mkdir()
    fit(begin(recipe, fabric), split, recipe, fabric, other, stop_at=stop)
    whole, again = read_tensors(other.checkpoint), read_tensors(run.checkpoint)
    assert [name for name in whole if name != "best" and not torch.equal(whole[name], again[name])] == []
