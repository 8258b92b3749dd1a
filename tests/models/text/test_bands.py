"""Band amplitudes: a wave has its own amplitude, in its own band."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from models.text.bands import BANDS, BandAmplitudes, usable_bands

SFREQ, N_TIMES = 128.0, 256


def _wave(frequency: float, amplitude: float, phase: float = 0.3) -> Tensor:
    times = torch.arange(N_TIMES, dtype=torch.float64) / SFREQ
    return (amplitude * torch.sin(2 * math.pi * frequency * times + phase)).float()[None, None]


def _loudest(wave: Tensor) -> str:
    network = BandAmplitudes(N_TIMES, SFREQ)
    return network.names[int(network(wave).argmax())]


@pytest.mark.parametrize(("name", "limits"), BANDS.items())
def test_a_wave_in_the_middle_of_a_band_is_loudest_there(name: str, limits: tuple[float, float]) -> None:
    assert _loudest(_wave(sum(limits) / 2, 5.0)) == name


def test_twice_the_wave_is_one_log_two_more_in_every_band() -> None:
    network, noise = (
        BandAmplitudes(N_TIMES, SFREQ),
        torch.randn(1, 3, N_TIMES, generator=torch.Generator().manual_seed(0)),
    )
    torch.testing.assert_close(network(200 * noise) - network(100 * noise), torch.full((1, 24), math.log(2.0)))


def test_at_a_frequency_of_its_own_a_wave_has_its_amplitude_whatever_its_phase() -> None:
    network = BandAmplitudes(N_TIMES, SFREQ, {"ten": (10.0, 10.0)})
    for phase in (0.0, 1.0, 2.0):
        assert float(network(_wave(10.0, 7.0, phase))) == pytest.approx(math.log(7.0), abs=1e-3)


def test_an_offset_and_silence_are_no_amplitude() -> None:
    network = BandAmplitudes(N_TIMES, SFREQ)
    silence = network(torch.zeros(1, 2, N_TIMES))
    torch.testing.assert_close(silence, torch.full((1, 16), math.log(1e-3)))
    assert float(network(torch.full((1, 1, N_TIMES), 1000.0)).max()) < math.log(1e-2)


def test_channels_stay_together_in_the_order_of_the_bands() -> None:
    network, noise = BandAmplitudes(N_TIMES, SFREQ), torch.randn(2, 3, N_TIMES)
    alone = torch.cat([network(noise[:, number : number + 1]) for number in range(3)], dim=1)
    torch.testing.assert_close(network(noise), alone)


def test_bands_that_the_windows_cannot_tell_are_refused_and_named() -> None:
    with pytest.raises(ValueError, match="not so: g1, g2, t1"):
        BandAmplitudes(16, 80.0)
    assert tuple(usable_bands(80.0, 16)) == ("t2", "a1", "a2", "b1", "b2")
    assert BandAmplitudes(16, 80.0, usable_bands(80.0, 16)).n_bands == 5
