"""Two processes learn what one learns, leave one run behind, and end together."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.distributed.worker import AT, FATES, seen_codex
from training import train_gan
from training.checkpoint import network_tensors
from training.data.images import read_split
from training.errors import TrainingError
from training.gan.loop import begin, fit
from training.gan_recipe import GanRecipe
from training.processes import open_fabric
from training.run_folder import RunFolder, new_run, read_tensors
from training.settings import read_any_recipe
from training.team import Team

ROOT = Path(__file__).parents[3]
TINY = "configs/train/tiny"
ALWAYS = ("bundle.enabled=false", "machine.accelerator=cpu", "updates.steps=4", "watch.n=16", "watch.save_every=2")
DCGAN = (*ALWAYS, "updates.batch_size=16", "updates.accumulation=2", "loss.r1=1", "loss.r1_every=2")
BIGBIGAN = (
    *ALWAYS, "loss.r1=1", "loss.r1_every=2", "loss.cycle_image=1", "augment.kinds=[colour, translation, cutout]",
    "average.standing=1", "updates.discriminator_steps=2",
)  # fmt: skip
pytestmark = pytest.mark.timeout(600)  # three times Python and torch begin anew, which takes long on a busy machine
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
RATE = 2e-4
WAVES = {"word-features": (), "waves": ("waves",)}


@dataclass(frozen=True)
class Command:
    """What a finished command printed."""

    out: str
    err: str
    status: int


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Pictures of noise: no flat places, on which a rectifier flips with the last digit."""
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("noise") / "noise.npz"
    parts = {"train": 80, "test": 20}
    arrays = {f"x_{part}": rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8) for part, n in parts.items()}
    labels = {f"y_{part}": np.zeros(n, np.int64) for part, n in parts.items()}
    np.savez(path, **arrays, **labels)  # type: ignore[arg-type]
    return f"pictures.source={path}"


def _finished(process: subprocess.Popen[str]) -> Command:
    out, err = process.communicate()
    return Command(out, err, process.returncode)


@pytest.fixture(scope="module")
def started(
    tmp_path_factory: pytest.TempPathFactory, noise: str
) -> Iterator[tuple[subprocess.Popen[str], list[subprocess.Popen[str]], Path]]:
    """The command on two processes, and beside it the two workers; they run while the tests prepare the rest."""
    folder = tmp_path_factory.mktemp("two")
    words = ["-m", "training.train_gan", f"{TINY}/dcgan32.yaml", *DCGAN, noise, "machine.devices=2", "--runs"]
    command = _start([*words, str(folder / "runs")], {})
    recipe = read_any_recipe(GanRecipe, f"{TINY}/bigbigan32.yaml", [*BIGBIGAN, noise, "machine.devices=2"])
    _half_way(folder / "fates" / "resumed", recipe)
    other = read_any_recipe(GanRecipe, f"{TINY}/dcgan32.yaml", [*ALWAYS, noise, "machine.devices=2"])
    for reads in ("word-features", "waves"):
        (folder / "fates" / reads).mkdir()
    for fate in FATES[1:]:
        new_run(folder / "fates", other, datetime.now(), "").path.rename(folder / "fates" / fate)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torchrun = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "test"}
    workers = [
        _start(["-m", "tests.training.distributed.worker", str(folder / "fates")],
               torchrun | {"RANK": str(rank), "LOCAL_RANK": str(rank), "GROUP_RANK": "0"})
        for rank in (0, 1)
    ]  # fmt: skip
    yield command, workers, folder
    for process in (command, *workers):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with process:  # closes its pipes and waits for it
            pass


def _start(words: list[str], more: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env=ENVIRONMENT | more, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def _half_way(path: Path, recipe: GanRecipe) -> None:
    """A run folder with the checkpoint that one process leaves in the middle of the recipe."""
    alone = recipe.model_copy(update={"machine": recipe.machine.model_copy(update={"devices": 1})})
    fabric, split = open_fabric(alone.machine), read_split(alone.pictures, alone.seed)
    new_run(path.parent, recipe, datetime.now(), "").path.rename(path)
    fit(begin(alone, fabric), split, alone, fabric, RunFolder(path), stop_at=recipe.updates.steps // 2)


@pytest.fixture(scope="module")
def command(started: tuple[subprocess.Popen[str], list[subprocess.Popen[str]], Path]) -> tuple[Command, Path]:
    """What the command on two processes printed, and its folder of runs."""
    return _finished(started[0]), started[2] / "runs"


@pytest.fixture(scope="module")
def fates(started: tuple[subprocess.Popen[str], list[subprocess.Popen[str]], Path]) -> Path:
    """The folder of the workers, when they have ended."""
    first, second = (_finished(worker) for worker in started[1])
    assert first.status == 0, first.err
    assert second.status == 3, second.err
    return started[2] / "fates"


def _alone(kind: str, overrides: tuple[str, ...], noise: str, runs: Path) -> Path:
    """The run folder of the same recipe on one process."""
    assert train_gan.main([f"{TINY}/{kind}32.yaml", *overrides, noise, "--runs", str(runs)]) == 0
    (run,) = runs.iterdir()
    return run


@pytest.fixture(scope="module")
def alone(noise: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the command on one process."""
    return _alone("dcgan", DCGAN, noise, tmp_path_factory.mktemp("alone"))


def _compare(two: Path, one: Path) -> None:
    """Weights, averages, statistics and optimisers are equal up to rounding.

    Left out are biases that a batch normalisation takes away again: their gradient is nothing but rounding, which Adam
    stretches to whole steps, and the running means move with them.
    """
    mine, wanted = (read_tensors(run / "checkpoint.safetensors") for run in (two, one))
    assert mine.keys() == wanted.keys()
    for key, value in wanted.items():
        taken_away = re.search(r"(conv1|conv2|shortcut|stem)\.bias$|running_mean$", key) and "discriminator" not in key
        limit = 10 * RATE if taken_away else 0.02 * RATE
        difference = float((mine[key].double() - value.double()).abs().max()) if value.numel() else 0.0
        if not key.startswith("optimiser."):
            assert difference <= limit * max(1.0, float(value.abs().max())), (key, difference)


def test_two_processes_learn_what_one_learns_on_the_whole_batch(command: tuple[Command, Path], alone: Path) -> None:
    ended, runs = command
    assert ended.status == 0, ended.err
    (two,) = runs.iterdir()
    _compare(two, alone)


def test_two_processes_leave_one_run_behind(command: tuple[Command, Path]) -> None:
    ended, runs = command
    (run,) = runs.iterdir()
    records = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    assert [record["step"] for record in records if "discriminator" in record] == [2, 4]
    assert len(list((run / "tensorboard").iterdir())) == 1
    left = {path.name for path in run.iterdir()}
    pictures = {"step-0000003.png", "step-0000004.png"}
    assert left == pictures | {
        "recipe.json", "origin.json", "log.jsonl", "tensorboard", "checkpoint.safetensors", "best.safetensors"
    }  # fmt: skip
    assert ended.out.count("Run folder: ") == 1
    assert "processes: 2" in ended.out


def test_nothing_is_warned_of(command: tuple[Command, Path]) -> None:
    assert "arning" not in command[0].err + command[0].out


def test_what_is_logged_is_the_mean_over_processes(command: tuple[Command, Path], alone: Path) -> None:
    (run,) = command[1].iterdir()
    both = (
        [json.loads(line) for line in (each / "log.jsonl").read_text("utf-8").splitlines()] for each in (run, alone)
    )
    for mine, wanted in zip(*both, strict=True):
        assert mine == pytest.approx(wanted, rel=1e-3)


def test_a_run_of_one_process_is_resumed_by_two_as_if_nothing_had_been(fates: Path, noise: str, tmp_path: Path) -> None:
    assert _outcomes(fates, "resumed") == [["", ""], ["", ""]]
    _compare(fates / "resumed", _alone("bigbigan", BIGBIGAN, noise, tmp_path))


def _outcomes(fates: Path, fate: str) -> list[list[str]]:
    found = [fates / f"{fate}-{rank}.json" for rank in (0, 1)]
    return [json.loads(path.read_text("utf-8")) for path in found if path.is_file()]


def _saved_step(run: Path) -> int:
    return int(read_tensors(run / "checkpoint.safetensors")["step"])


def test_ctrl_c_heard_by_one_stops_both_after_the_step_is_saved(fates: Path) -> None:
    assert [kind for kind, _ in _outcomes(fates, "interrupt")] == ["KeyboardInterrupt"] * 2
    assert _saved_step(fates / "interrupt") == AT


def test_a_number_that_is_none_on_one_stops_both_and_the_first_says_so(fates: Path) -> None:
    (kind, text), (other, _) = _outcomes(fates, "not-a-number")
    assert kind == "TrainingError"
    assert "a number of another process must be finite" in text
    assert other == "StoppedElsewhereError"
    assert not (fates / "not-a-number" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize(("fate", "wanted"), [("disk", "DiskError"), ("pictures", "PictureError")])
def test_an_error_is_said_once_and_ends_both(fate: str, wanted: str, fates: Path) -> None:
    assert [kind for kind, _ in _outcomes(fates, fate)] == [wanted, "StoppedElsewhereError"]


def test_a_process_that_dies_ends_the_other_with_a_message(fates: Path) -> None:
    ((kind, text),) = _outcomes(fates, "lost")
    assert kind == "TrainingError"
    assert "lost the connection to another process" in text
    assert "--resume" in text


def test_two_processes_that_learn_to_read_text_end_with_equal_weights(fates: Path) -> None:
    one, other = (read_tensors(fates / f"text-{rank}.safetensors") for rank in (0, 1))
    assert one.keys() == other.keys()
    assert [key for key, value in one.items() if not torch.equal(value, other[key])] == []
    for reads in ("word-features", "waves"):
        kept = read_tensors(fates / reads / "checkpoint.safetensors")
        assert torch.equal(kept["best.enter.0.weight"], one[f"{reads}.enter.0.weight"])
        records = [json.loads(line)["part"] for line in (fates / reads / "log.jsonl").read_text("utf-8").splitlines()]
        assert [part for part in records if part != "language"] == [*WAVES[reads], "alignment", "first", "second"]
    kept_language = read_tensors(fates / "waves" / "language.safetensors")
    assert torch.equal(kept_language["language.model.shared.weight"], one["waves.text.model.shared.weight"])


def test_codes_follow_the_vectors_of_all_processes(fates: Path) -> None:
    both, alone = read_tensors(fates / "text-0.safetensors"), seen_codex(Team())
    for key, value in network_tensors("codex", alone).items():
        torch.testing.assert_close(both[key], value, rtol=1e-5, atol=1e-6)


def test_another_number_of_processes_than_the_recipe_wants_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = read_any_recipe(GanRecipe, f"{TINY}/dcgan32.yaml", ["machine.accelerator=cpu"])
    for name, value in {"LOCAL_RANK": "0", "RANK": "0", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainingError, match=r"machine\.devices=1 .* 2 process"):
        open_fabric(recipe.machine)
