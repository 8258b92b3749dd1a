"""Seconds of the recipe become samples of the rate at hand."""

from __future__ import annotations

import pytest
import torch

from bci_app.contract.errors import SettingsError
from models.encoders.attention import AttentionNice
from models.encoders.eegnet import EegNet
from models.encoders.nice import Nice
from training.reader_recipe import AttentionSettings, EegNetSettings, NiceSettings
from training.readers.networks import build_network


def test_nice_at_250_hz_is_the_published_one() -> None:
    encoder = build_network(NiceSettings(), (63, 250), 250.0, 5, 7, 1, 0).encoder
    assert isinstance(encoder, Nice)
    assert encoder.convolution.n_features == 1440


def test_eegnet_at_128_hz_is_the_published_one() -> None:
    encoder = build_network(EegNetSettings(), (5, 128), 128.0, 5, 7, 1, 0).encoder
    assert isinstance(encoder, EegNet)
    assert encoder.temporal[1].weight.shape == (8, 1, 1, 64)
    assert encoder.first[2].kernel_size == (1, 4)


def test_filters_last_as_long_at_another_rate() -> None:
    encoder = build_network(AttentionSettings(), (5, 60), 100.0, 5, 7, 1, 0).encoder
    assert isinstance(encoder, AttentionNice)
    layers = encoder.nice.convolution.layers
    assert (layers[0].weight.shape[3], layers[1].kernel_size, layers[1].stride) == (10, (1, 20), (1, 2))


def test_a_network_follows_from_its_seed_and_leaves_the_global_one_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, two, other = (build_network(EegNetSettings(), (5, 64), 128.0, 5, 7, 2, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.latent.weight, two.latent.weight)
    assert not torch.equal(one.latent.weight, other.latent.weight)


def test_a_window_too_short_is_refused_with_the_settings_to_change() -> None:
    with pytest.raises(SettingsError, match=r"reader.kind=nice does not fit windows of 30 .* 128 Hz: .* at least 38"):
        build_network(NiceSettings(), (5, 30), 128.0, 5, 7, 1, 0)
