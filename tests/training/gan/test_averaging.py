"""The moving average against its closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from models.gan.blocks import add_spectral_norm
from training.gan.averaging import decay_at, update_averages
from training.gan.networks import Networks
from training.gan_recipe import AverageSettings


def _networks(encoder: bool = True) -> Networks:
    part = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3))
    return Networks(part, nn.Linear(2, 1), nn.Sequential(nn.Conv2d(2, 3, 1)) if encoder else None)


def _set(networks: Networks, value: float) -> None:
    for network in networks.parts().values():
        for tensor in network.state_dict().values():
            tensor.fill_(value)


def _run(values: list[float], settings: AverageSettings) -> Networks:
    """The average after the live networks had each of these values, first one the start."""
    live = _networks()
    _set(live, values[0])
    averaged = live.copy()
    for step, value in enumerate(values[1:], start=1):
        _set(live, value)
        update_averages(averaged, live, step, settings)
    return averaged


def test_weights_and_running_statistics_follow_the_closed_form_and_counters_are_copied() -> None:
    values, decay = [1.0, 3.0, -2.0, 7.0, 4.0], 0.8
    averaged = _run(values, AverageSettings(decay=decay, ramp=False))
    weights = np.array([decay**4, *((1 - decay) * decay**k for k in (3, 2, 1, 0))])
    wanted = float(weights @ values)
    for name, network in averaged.made_by_generator().items():
        for key, value in network.state_dict().items():
            target = 4.0 if key.endswith("num_batches_tracked") else wanted
            torch.testing.assert_close(value.double(), torch.full_like(value, target).double(), msg=f"{name}.{key}")
    assert "1.running_mean" in averaged.generator.state_dict()
    assert all(float(each.flatten()[0]) == 1.0 for each in averaged.discriminator.state_dict().values()), "never used"


def test_before_its_start_the_average_is_the_live_network() -> None:
    values = [1.0, 3.0, -2.0, 7.0, 4.0]
    averaged = _run(values, AverageSettings(decay=0.9, start=3, ramp=False))
    wanted = 0.9 * 7.0 + 0.1 * 4.0  # step 3 is the last copy
    assert float(averaged.generator.state_dict()["0.weight"].mean()) == pytest.approx(wanted)


def test_switched_off_it_copies() -> None:
    averaged = _run([1.0, 3.0, -2.0], AverageSettings())
    assert {float(value.flatten()[0]) for value in averaged.generator.state_dict().values()} == {-2.0}


def test_the_ramp_averages_over_a_tenth_of_the_steps_since_the_start() -> None:
    settings = AverageSettings(decay=0.99, start=100)
    assert [decay_at(step, settings) for step in (1, 100)] == [0.0, 0.0]
    assert decay_at(101, settings) == pytest.approx(1 / 11)
    for since in (20, 200, 900):
        span = 1 / (1 - decay_at(100 + since, settings))
        assert span == pytest.approx(since / 10 + 1)
    assert decay_at(5000, settings) == 0.99
    assert decay_at(101, AverageSettings(decay=0.99, start=100, ramp=False)) == 0.99


def test_an_average_of_noisy_weights_is_as_quiet_as_theory_says() -> None:
    torch.manual_seed(0)
    live = Networks(nn.Linear(100, 100), nn.Linear(1, 1), None)
    averaged = live.copy()
    for step in range(1, 301):
        nn.init.normal_(live.generator.weight)
        update_averages(averaged, live, step, AverageSettings(decay=0.9, ramp=False))
    variance = float(averaged.generator.weight.detach().var())
    assert variance == pytest.approx(0.1 / 1.9, rel=0.1)


def test_singular_vectors_are_copied_and_the_weights_behind_them_averaged() -> None:
    torch.manual_seed(0)
    live = Networks(nn.Sequential(nn.Linear(6, 5)), nn.Linear(1, 1), None)
    add_spectral_norm(live.generator)
    averaged = live.copy()
    before = live.copy().generator.state_dict()
    with torch.no_grad():
        dict(live.generator.named_parameters())["0.parametrizations.weight.original"].normal_()
    live.generator(torch.randn(2, 6))
    update_averages(averaged, live, 1, AverageSettings(decay=0.5, ramp=False))
    after, newest = averaged.generator.state_dict(), live.generator.state_dict()
    vectors = [key for key in after if key.endswith(("_u", "_v"))]
    assert len(vectors) == 2
    for key in vectors:
        assert torch.equal(after[key], newest[key])
        assert not torch.equal(after[key], before[key])
    key = "0.parametrizations.weight.original"
    torch.testing.assert_close(after[key], (before[key] + newest[key]) / 2)
