"""The loop: what chooses, what is kept, how it ends."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.readers.problem import SFREQ, tiny_recipe, trials
from training.errors import TrainingError
from training.reader_recipe import ReaderRecipe
from training.readers import deep_loop
from training.readers.deep import as_examples
from training.readers.deep_loop import Examples, LoopState, begin, evaluate, fit, learning_rate
from training.readers.networks import build_network
from training.readers.standard import fit_standard
from training.run_folder import RunFolder, read_tensors

SHORT = {"epochs": 4, "batch_size": 16, "learning_rate": 1e-2, "warm_up": 0, "patience": 2, "validation": 0.2}


def _examples(n: int, seed: int) -> Examples:
    windows, targets, pictures = trials(n, seed)
    return as_examples(windows, targets, pictures, ["a"] * n, {"a": fit_standard(windows, True)}, None)


def _begun(recipe: ReaderRecipe) -> LoopState:
    network = build_network(recipe.reader, (6, 40), SFREQ, 4, 4, 1, 0)  # type: ignore[arg-type]
    return begin(network, recipe.optimiser)


def _weights(state: LoopState) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in state.network.parameters()])


def test_the_weights_kept_are_those_of_the_lowest_validation_loss(tmp_path: Path) -> None:
    recipe = tiny_recipe(optimiser=SHORT | {"learning_rate": 0.05, "epochs": 8})
    state, validation = _begun(recipe), _examples(30, 1)
    fit(state, _examples(60, 0), validation, recipe, RunFolder(tmp_path))
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = [record["validation_loss"] for record in log]
    assert evaluate(state, validation, recipe)["loss"] == pytest.approx(min(losses), rel=1e-5)
    best = read_tensors(tmp_path / deep_loop.BEST)
    assert int(best["step"]) == log[int(np.argmin(losses))]["step"]
    torch.testing.assert_close(best["network.latent.weight"], state.network.latent.weight.detach())
    assert (log[0]["step"], log[0]["epoch"]) == (0, 0)
    assert set(log[-1]) == {"step", "epoch", "loss", "squared_error", "validation_loss", "validation_squared_error"}
    assert list((tmp_path / "tensorboard").iterdir())


def test_training_ends_after_some_epochs_without_a_lower_validation_loss() -> None:
    recipe = tiny_recipe(optimiser=SHORT | {"epochs": 50, "patience": 3})
    train, validation = _examples(60, 0), _examples(30, 1)
    hopeless = Examples(
        validation.window, validation.subject, -validation.target, validation.compared, validation.picture
    )
    state = _begun(recipe)
    fit(state, train, hopeless, recipe)
    per_epoch = 60 // 16
    assert state.step == state.best_step + 3 * per_epoch
    assert state.step < 50 * per_epoch


def test_a_run_is_a_function_of_its_seed() -> None:
    recipe = tiny_recipe(optimiser=SHORT, augmentation={"noise": 0.1, "shift_times": 2}, reader={
        "kind": "nice", "n_filters": 4, "kernel_s": 0.05, "pool_s": 0.1, "stride_s": 0.05})  # fmt: skip
    states = [_begun(recipe) for _ in range(2)]
    for number, state in enumerate(states):
        torch.manual_seed(number)
        fit(state, _examples(60, 0), _examples(30, 1), recipe)
    assert torch.equal(_weights(states[0]), _weights(states[1]))


def test_a_loss_that_is_not_finite_ends_it_with_one_message_and_the_best_weights_kept() -> None:
    recipe = tiny_recipe(optimiser=SHORT)
    state, train, validation = _begun(recipe), _examples(60, 0), _examples(30, 1)
    fit(state, train, validation, recipe)
    good = _weights(state)
    train.window[:] = torch.nan
    with pytest.raises(
        TrainingError, match=r"the loss must be finite and loss, squared_error is not; the weights of step"
    ):
        fit(state, train, validation, recipe)
    assert torch.equal(_weights(state), good)


def test_ctrl_c_ends_training_with_what_is_best_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, seen = tiny_recipe(optimiser=SHORT), []

    def evaluate_and_interrupt(*given: object) -> dict[str, float]:
        seen.append(evaluate(*given))  # type: ignore[arg-type]
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return seen[-1]

    monkeypatch.setattr(deep_loop, "evaluate", evaluate_and_interrupt)
    state, validation = _begun(recipe), _examples(30, 1)
    fit(state, _examples(60, 0), validation, recipe, RunFolder(tmp_path))
    assert len(seen) == 2, "it began and did one epoch"
    assert (tmp_path / deep_loop.BEST).is_file()
    assert evaluate(state, validation, recipe) == min(seen, key=lambda found: found["loss"])


def test_the_temperature_is_learned_and_norms_biases_and_mixings_do_not_decay() -> None:
    state = _begun(tiny_recipe())
    decaying, staying = state.optimiser.param_groups
    assert (decaying["weight_decay"], staying["weight_decay"]) == (1e-2, 0.0)
    assert any(weight is state.temperature.log_scale for weight in staying["params"])
    assert any(weight is state.network.subjects.mixing for weight in staying["params"])
    assert {weight.ndim for weight in staying["params"]} == {0, 1, 3}
    assert len(decaying["params"]) + len(staying["params"]) == len([*state.network.parameters()]) + 1


def test_the_rate_rises_and_falls_to_nothing() -> None:
    settings = tiny_recipe(optimiser={"learning_rate": 0.1, "warm_up": 9}).optimiser
    rates = [learning_rate(step, 1000, settings) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(0.1, rel=0.01)
    assert rates[-1] == pytest.approx(0.0)
