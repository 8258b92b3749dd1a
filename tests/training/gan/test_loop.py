"""The loop: what it leaves behind, and that a run goes on to the bit where it stopped, however it stopped."""

from __future__ import annotations

import errno
import json
import logging
import re
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from bci_app.contract.errors import BundleCorruptError
from training import run_folder
from training.data.images import ImageSplit
from training.errors import DiskError, TrainingError
from training.gan import checkpoint, loop
from training.gan.loop import BEST, begin, fit
from training.gan.step import GanState
from training.gan_recipe import GanRecipe
from training.processes import having_memory, open_fabric
from training.run_folder import RunFolder, read_tensors

RecipeOf = Callable[..., GanRecipe]
MORE = {
    "dcgan": ("updates.accumulation=2", "updates.anneal=0.5"),
    "bigbigan": (
        "weights.spectral_norm=[generator, encoder, discriminator]", "weights.orthogonal_penalty=1e-4", "loss.r1=1",
        "loss.r1_every=2", "augment.kinds=[colour, translation, cutout]", "average.decay=0.9", "average.start=1",
        "pictures.flip=true", "updates.discriminator_steps=2", "network.self_attention=8", "average.standing=1",
    ),
}  # fmt: skip
SHORT = ("updates.steps=4", "watch.log_every=1", "watch.watch_every=2", "watch.save_every=2")


@pytest.fixture(scope="module", params=["dcgan", "bigbigan"])
def recipe(request: pytest.FixtureRequest, recipe_of: RecipeOf) -> GanRecipe:
    return recipe_of(request.param, *SHORT, *MORE[request.param])


@pytest.fixture(scope="module")
def whole(recipe: GanRecipe, split: ImageSplit, fabric: Fabric, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The run of a recipe from its beginning to its end."""
    torch.set_num_threads(1)
    run = RunFolder(tmp_path_factory.mktemp("whole"))
    fit(begin(recipe, fabric), split, recipe, fabric, run)
    return run


def _lines(run: RunFolder) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run.path / "log.jsonl").read_text("utf-8").splitlines()]


def _assert_same_to_the_bit(one: Path, other: Path) -> None:
    first, second = read_tensors(one), read_tensors(other)
    assert first.keys() == second.keys()
    different = [name for name, value in first.items() if not torch.equal(value, second[name])]
    assert different == []


def _resumed(recipe: GanRecipe, fabric: Fabric, run: RunFolder) -> GanState:
    state = begin(recipe, fabric)
    checkpoint.restore(state, run.checkpoint)
    return state


# What is left behind


def test_a_run_leaves_log_grids_events_and_two_checkpoints(whole: RunFolder, recipe: GanRecipe) -> None:
    lines = _lines(whole)
    steps = [line for line in lines if "discriminator" in line]
    assert [line["step"] for line in steps] == [1, 2, 3, 4]
    looks = [line for line in lines if "distance" in line]
    assert [line["step"] for line in looks] == [2, 4]
    for name in ("step-0000002.png", "step-0000004.png"):
        with Image.open(whole.path / name) as grid:
            assert grid.width == 16 * 34
    assert int(read_tensors(whole.checkpoint)["step"]) == 4
    best = min(looks, key=lambda line: line["distance"])
    assert int(read_tensors(whole.path / BEST)["step"]) == best["step"]
    assert float(read_tensors(whole.checkpoint)["best"]) == pytest.approx(best["distance"])
    events = EventAccumulator(str(whole.path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("generator")] == [1, 2, 3, 4]
    assert [event.value for event in events.Scalars("watch/distance")] == pytest.approx(
        [line["distance"] for line in looks]
    )
    assert len(events.Images("samples")) == 2


def test_what_is_measured_in_some_steps_is_averaged_over_those(
    recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts: list[dict[str, float]] = []
    step = loop.train_step

    def noted(*given: object) -> dict[str, torch.Tensor]:
        found = step(*given)  # type: ignore[arg-type]
        facts.append({name: float(value) for name, value in found.items()})
        return found

    monkeypatch.setattr(loop, "train_step", noted)
    recipe = recipe_of("dcgan", *SHORT, "watch.log_every=4", "loss.r1=1", "loss.r1_every=2", "watch.watch_every=9")
    fit(begin(recipe, fabric), split, recipe, fabric, RunFolder(tmp_path))
    first, second, third, _ = facts
    logged = _lines(RunFolder(tmp_path))[0]
    assert logged["r1"] == pytest.approx((first["r1"] + third["r1"]) / 2)
    assert logged["generator"] == pytest.approx(np.mean([each["generator"] for each in facts]))
    assert "r1" not in second


def test_warnings_of_the_watch_are_said_and_logged(
    recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = recipe_of("dcgan", *SHORT, "watch.watch_every=1", "weights.initialisation=normal")
    with caplog.at_level(logging.WARNING):
        fit(begin(recipe, fabric), split, recipe, fabric, RunFolder(tmp_path))
    said = [record.getMessage() for record in caplog.records if "Mode collapse?" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("Step 3: "), "untrained it always draws the same"
    assert [line["step"] for line in _lines(RunFolder(tmp_path)) if "warning" in line] == [3]


# Going on


def test_a_run_stopped_half_way_ends_where_the_whole_one_does(
    whole: RunFolder, recipe: GanRecipe, split: ImageSplit, fabric: Fabric, tmp_path: Path
) -> None:
    run, half = RunFolder(tmp_path), begin(recipe, fabric)
    asked = iter([False, False, True])
    fit(half, split, recipe, fabric, run, until=lambda: next(asked))
    assert half.step == 3, "not one of save_every"
    again = _resumed(recipe, fabric, run)
    assert again.step == 3
    fit(again, split, recipe, fabric, run)
    _assert_same_to_the_bit(run.checkpoint, whole.checkpoint)
    _assert_same_to_the_bit(run.path / BEST, whole.path / BEST)


@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5])
def test_the_best_is_that_of_a_run_that_never_stopped_wherever_it_stops(
    stop: int, recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path
) -> None:
    recipe = recipe_of("dcgan", *SHORT, "updates.steps=6", "updates.generator_rate=0.05")
    runs = [RunFolder(tmp_path / name) for name in ("whole", "halves")]
    for run, stops in zip(runs, ([6], [stop, 6]), strict=True):
        run.path.mkdir()
        for last in stops:
            state = _resumed(recipe, fabric, run) if run.checkpoint.is_file() else begin(recipe, fabric)
            fit(state, split, recipe, fabric, run, stop_at=last)
            assert state.step == last
    _assert_same_to_the_bit(*(run.path / BEST for run in runs))
    _assert_same_to_the_bit(*(run.checkpoint for run in runs))
    assert [[line["step"] for line in _lines(run) if "distance" in line] for run in runs] == [[2, 4, 6]] * 2


def test_a_run_that_stops_is_saved_before_anything_else(
    recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_off(*given: object) -> None:
        raise KeyboardInterrupt

    recipe, run = recipe_of("dcgan", *SHORT, "watch.save_every=9"), RunFolder(tmp_path)
    monkeypatch.setattr(loop, "view", broken_off)
    with pytest.raises(KeyboardInterrupt):
        fit(begin(recipe, fabric), split, recipe, fabric, run, stop_at=2)
    assert int(read_tensors(run.checkpoint)["step"]) == 2


def test_a_run_that_has_ended_stays_as_it_is(
    whole: RunFolder, recipe: GanRecipe, split: ImageSplit, fabric: Fabric
) -> None:
    before = whole.checkpoint.read_bytes()
    state = _resumed(recipe, fabric, whole)
    fit(state, split, recipe, fabric, whole)
    assert state.step == 4
    assert whole.checkpoint.read_bytes() == before


def test_looking_and_saving_leave_the_training_as_it_is(
    recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path
) -> None:
    for name, every in (("often", 1), ("never", 100)):
        recipe = recipe_of("bigbigan", *SHORT, f"watch.watch_every={every}", f"watch.save_every={every}",
                           "average.decay=0.9", "average.standing=1", "updates.steps=2")  # fmt: skip
        (tmp_path / name).mkdir()
        fit(begin(recipe, fabric), split, recipe, fabric, RunFolder(tmp_path / name))
    often, never = (read_tensors(tmp_path / name / run_folder.CHECKPOINT) for name in ("often", "never"))
    assert [name for name in often if name != "best" and not torch.equal(often[name], never[name])] == []


def test_bfloat16_goes_on_to_the_bit_too(recipe_of: RecipeOf, split: ImageSplit, tmp_path: Path) -> None:
    recipe = recipe_of("dcgan", *SHORT, "machine.precision=bfloat16")
    fabric, runs = open_fabric(recipe.machine), [RunFolder(tmp_path / name) for name in ("whole", "halves")]
    for run, stops in zip(runs, ([4], [2, 4]), strict=True):
        run.path.mkdir()
        for stop in stops:
            state = _resumed(recipe, fabric, run) if run.checkpoint.is_file() else begin(recipe, fabric)
            fit(state, split, recipe, fabric, run, stop_at=stop)
    _assert_same_to_the_bit(*(run.checkpoint for run in runs))
    assert all(weight.dtype == torch.float32 for weight in state.networks.generator.parameters())


def test_what_a_run_that_broke_off_had_logged_after_its_checkpoint_is_not_there_twice(
    whole: RunFolder, recipe: GanRecipe, split: ImageSplit, fabric: Fabric, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    run, step = RunFolder(tmp_path), loop.train_step

    def killed(state: GanState, *rest: object) -> dict[str, torch.Tensor]:
        if state.step == 3:
            raise TrainingError("killed")
        return step(state, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "train_step", killed)
    with pytest.raises(TrainingError, match="killed"):
        fit(begin(recipe, fabric), split, recipe, fabric, run)
    monkeypatch.setattr(loop, "train_step", step)
    again = _resumed(recipe, fabric, run)
    assert again.step == 2
    assert [line["step"] for line in _lines(run)][-1] == 3
    fit(again, split, recipe, fabric, run)
    assert _lines(run) == _lines(whole)
    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("generator")] == [1, 2, 3, 4]


def test_fewer_pictures_than_a_batch_are_said_once(
    recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for batch_size, n in ((40, 0), (48, 1)):
        recipe, run = recipe_of("dcgan", *SHORT, f"updates.batch_size={batch_size}"), RunFolder(tmp_path / str(n))
        run.path.mkdir()
        with caplog.at_level(logging.WARNING):
            fit(begin(recipe, fabric), split, recipe, fabric, run, stop_at=2)
        said = [record.getMessage() for record in caplog.records if "fewer training pictures" in record.getMessage()]
        assert len(said) == n
    assert "(40) than updates.batch_size (48)" in said[0]


# Ctrl-C


@pytest.fixture
def _a_terminal() -> Iterator[None]:
    """Ctrl-C is heard, as in a terminal, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_a_terminal")
def test_ctrl_c_saves_after_the_step_it_came_in(
    recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, step, runs = recipe_of("dcgan", *SHORT), loop.train_step, [RunFolder(tmp_path / name) for name in "ab"]
    for run in runs:
        run.path.mkdir()
    fit(begin(recipe, fabric), split, recipe, fabric, runs[0], stop_at=3)

    def interrupted(state: GanState, *rest: object) -> dict[str, torch.Tensor]:
        if state.step == 2:
            signal.raise_signal(signal.SIGINT)
        return step(state, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "train_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(begin(recipe, fabric), split, recipe, fabric, runs[1])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    _assert_same_to_the_bit(*(run.checkpoint for run in runs))


@pytest.mark.usefixtures("_a_terminal")
def test_a_second_ctrl_c_does_not_wait_for_the_step(
    recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, passed = recipe_of("dcgan", *SHORT), []

    def stuck(*given: object) -> None:
        signal.raise_signal(signal.SIGINT)
        passed.append("first")
        signal.raise_signal(signal.SIGINT)
        passed.append("second")

    monkeypatch.setattr(loop, "train_step", stuck)
    with pytest.raises(KeyboardInterrupt):
        fit(begin(recipe, fabric), split, recipe, fabric, RunFolder(tmp_path))
    assert passed == ["first"]
    assert not RunFolder(tmp_path).checkpoint.exists()


def test_a_run_in_the_background_does_not_hear_the_ctrl_c_it_was_told_to_ignore(
    recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path
) -> None:
    recipe = recipe_of("dcgan", *SHORT)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        state = begin(recipe, fabric)
        fit(state, split, recipe, fabric, RunFolder(tmp_path), until=lambda: bool(signal.raise_signal(signal.SIGINT)))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert state.step == 4


def test_training_in_another_thread_needs_no_signals(
    recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path
) -> None:
    recipe = recipe_of("dcgan", *SHORT)
    state = begin(recipe, fabric)
    thread = threading.Thread(target=fit, args=(state, split, recipe, fabric, RunFolder(tmp_path), 1))
    thread.start()
    thread.join()
    assert state.step == 1


# What goes wrong


def test_numbers_that_are_not_finite_end_the_run_and_keep_the_checkpoint_of_before(
    recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path
) -> None:
    recipe, run = recipe_of("dcgan", *SHORT), RunFolder(tmp_path)
    state = begin(recipe, fabric)
    fit(state, split, recipe, fabric, run, stop_at=2)
    kept = run.checkpoint.read_bytes()
    for group in state.optimisers["discriminator"].param_groups:
        group["initial_lr"] = 1e20
    with pytest.raises(TrainingError) as caught:
        fit(state, split, recipe, fabric, run)
    assert f"must be finite and are not; {run.checkpoint} is from before. Lower the rates" in str(caught.value)
    assert run.checkpoint.read_bytes() == kept
    again = _resumed(recipe, fabric, run)
    assert again.step == 2
    fit(again, split, recipe, fabric, run)
    assert again.step == 4


def test_samples_that_are_not_finite_end_the_run_before_it_is_saved(
    recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path
) -> None:
    recipe, run = recipe_of("dcgan", *SHORT, "average.decay=0.9", "average.ramp=false"), RunFolder(tmp_path)
    state = begin(recipe, fabric)
    next(state.averaged.generator.parameters()).data.fill_(float("nan"))
    with pytest.raises(
        TrainingError, match="Step 2: diversity, distance must be finite and are not; nothing was saved"
    ):
        fit(state, split, recipe, fabric, run)
    assert not run.checkpoint.exists()


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
    MemoryError(),
])  # fmt: skip
def test_a_step_for_which_the_memory_does_not_suffice_is_one_message(
    error: Exception, recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def large(*given: object) -> None:
        raise error

    recipe = recipe_of("bigbigan", *SHORT)
    monkeypatch.setattr(loop, "train_step", large)
    with pytest.raises(TrainingError, match=r"updates\.batch_size=8 in updates\.accumulation=1 .* network\.width"):
        fit(begin(recipe, fabric), split, recipe, fabric, RunFolder(tmp_path))


def test_networks_that_are_too_large_are_one_message_and_other_errors_stay(recipe_of: RecipeOf, fabric: Fabric) -> None:
    # two petabytes, more than any address space
    with pytest.raises(TrainingError, match=r"fit into memory and do not.*network\.generator_width"):
        begin(recipe_of("dcgan", "network.generator_width=1000000000000"), fabric)
    with pytest.raises(RuntimeError, match="another"), having_memory("too large"):
        raise RuntimeError("another")


def _full(*given: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_said_once_and_the_checkpoint_of_before_is_whole(
    recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, run = recipe_of("dcgan", *SHORT), RunFolder(tmp_path)
    state = begin(recipe, fabric)
    fit(state, split, recipe, fabric, run, stop_at=2)
    kept = run.checkpoint.read_bytes()

    def half(tensors: object, path: str, texts: object) -> None:
        Path(path).write_bytes(kept[: len(kept) // 2])
        _full()

    monkeypatch.setattr(run_folder, "save_file", half)
    with pytest.raises(DiskError) as caught:
        fit(state, split, recipe, fabric, run)
    unwritten = "|".join(re.escape(str(path)) for path in (run.checkpoint, run.path / BEST))  # whichever came first
    assert re.match(f"'({unwritten})' cannot be written: No space left on device. Make room", str(caught.value))
    assert "\n" not in str(caught.value)
    assert run.checkpoint.read_bytes() == kept
    assert not list(tmp_path.glob("*.draft"))
    assert _resumed(recipe, fabric, run).step == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_log_on_a_full_disk_is_said(recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path) -> None:
    recipe = recipe_of("dcgan", *SHORT)
    (tmp_path / "log.jsonl").symlink_to("/dev/full")
    with pytest.raises(DiskError, match=r"log.jsonl' cannot be written: No space left on device"):
        fit(begin(recipe, fabric), split, recipe, fabric, RunFolder(tmp_path))


@pytest.mark.parametrize("method", ["add_scalar", "add_image", "close"])
def test_events_on_a_full_disk_are_said(
    method: str, recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    recipe, real = recipe_of("dcgan", *SHORT), getattr(SummaryWriter, method)

    def full(*given: object, **named: object) -> None:
        real(*given, **named)
        _full()

    monkeypatch.setattr(SummaryWriter, method, full)
    with pytest.raises(DiskError, match="No space left on device"):
        fit(begin(recipe, fabric), split, recipe, fabric, RunFolder(tmp_path))


@pytest.mark.parametrize("override", [
    "network.generator_width=5", "network.latent_dim=9", "network.discriminator_batch_norm=false",
    "weights.spectral_norm=[generator]", "pictures.channels=1",
])  # fmt: skip
def test_a_checkpoint_of_another_architecture_is_refused(
    override: str, recipe_of: RecipeOf, split: ImageSplit, fabric: Fabric, tmp_path: Path
) -> None:
    recipe, run = recipe_of("dcgan"), RunFolder(tmp_path)
    checkpoint.save(begin(recipe, fabric), run.checkpoint)
    with pytest.raises(BundleCorruptError) as caught:
        _resumed(recipe_of("dcgan", override), fabric, run)
    assert "must fit the recipe beside it; it does not" in str(caught.value)
    assert "belongs to another architecture: start a new run" in str(caught.value)


def test_a_damaged_checkpoint_is_refused(recipe_of: RecipeOf, fabric: Fabric, tmp_path: Path) -> None:
    recipe, run = recipe_of("dcgan"), RunFolder(tmp_path)
    checkpoint.save(begin(recipe, fabric), run.checkpoint)
    whole = run.checkpoint.read_bytes()
    run.checkpoint.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleCorruptError, match="must be a safetensors file"):
        _resumed(recipe, fabric, run)


def test_the_best_networks_come_back_from_either_file(whole: RunFolder, recipe: GanRecipe, fabric: Fabric) -> None:
    for file in (whole.path / BEST, whole.checkpoint):
        networks = begin(recipe, fabric).networks
        step = checkpoint.restore_averaged(networks, file)
        tensors = read_tensors(file)
        assert step == int(tensors["step"])
        for name, network in networks.made_by_generator().items():
            for key, value in network.state_dict().items():
                assert torch.equal(value, tensors[f"averaged.{name}.{key}"])
