"""NICE against what is published of it, and attention over channels."""

from __future__ import annotations

import pytest
import torch

from models.encoders.attention import AttentionNice, ChannelAttention
from models.encoders.nice import Nice, ResidualProjector, TemporalSpatial


def test_a_second_of_63_channels_at_250_hz_gives_1440_features() -> None:
    network = TemporalSpatial(63, 250)
    assert network.n_features == 1440
    assert network(torch.randn(2, 63, 250)).shape == (2, 1440)


@pytest.mark.parametrize(("n_times", "kernel", "pool", "stride"), [(70, 13, 26, 3), (38, 13, 26, 3), (100, 10, 20, 2)])
def test_other_lengths_give_as_many_features_as_are_told(n_times: int, kernel: int, pool: int, stride: int) -> None:
    network = TemporalSpatial(4, n_times, 6, kernel, pool, stride)
    assert network(torch.randn(2, 4, n_times)).shape == (2, network.n_features)


def test_windows_shorter_than_filter_and_average_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"of 25 samples and an average over 51 .* at least 75 samples; got 74"):
        Nice(63, 74, 8)


def test_features_come_time_by_time() -> None:
    """One filter after another within a time: with filter k constant at k, the features count the filters."""
    network = TemporalSpatial(4, 70, 6, 13, 26, 3).eval()
    last = network.layers[-1]
    torch.nn.init.zeros_(last.weight)  # type: ignore[arg-type]
    with torch.no_grad():
        last.bias.copy_(torch.arange(6.0))  # type: ignore[operator, union-attr]
    features = network(torch.randn(1, 4, 70))[0]
    assert features.tolist() == [0, 1, 2, 3, 4, 5] * (network.n_features // 6)


def test_weights_begin_from_the_normal_distribution_of_the_paper() -> None:
    torch.manual_seed(0)
    network = Nice(16, 120, 32)
    weight = network.projector.enter.weight.detach()
    assert float(weight.mean()) == pytest.approx(0.0, abs=1e-3)
    assert float(weight.std()) == pytest.approx(0.02, rel=0.02)


def test_the_projector_ends_in_layer_normalisation_of_a_sum_with_its_shortcut() -> None:
    torch.manual_seed(0)
    projector, features = ResidualProjector(9, 12).eval(), torch.randn(3, 9)
    torch.nn.init.zeros_(projector.beside[1].weight)
    torch.nn.init.zeros_(projector.beside[1].bias)
    out, entered = projector(features), projector.enter(features)
    wanted = (entered - entered.mean(dim=1, keepdim=True)) / entered.std(dim=1, correction=0, keepdim=True)
    torch.testing.assert_close(out, wanted, atol=1e-3, rtol=1e-3)


def test_attention_does_not_care_in_which_order_channels_stand_but_for_their_places() -> None:
    torch.manual_seed(0)
    network, window, order = ChannelAttention(5, 20, 8, 2).eval(), torch.randn(2, 5, 20), torch.randperm(5)
    torch.nn.init.zeros_(network.places)
    torch.testing.assert_close(network(window[:, order]), network(window)[:, order])
    torch.nn.init.normal_(network.places)
    assert not torch.allclose(network(window[:, order]), network(window)[:, order])


def test_attention_is_that_of_torch() -> None:
    torch.manual_seed(0)
    network, tokens = ChannelAttention(5, 20, 8, 2).eval(), torch.randn(2, 5, 8)
    query, key, value = network.asking(tokens).chunk(3, dim=2)
    heads = [each.reshape(2, 5, 2, 4).transpose(1, 2) for each in (query, key, value)]
    wanted = torch.nn.functional.scaled_dot_product_attention(*heads).transpose(1, 2).reshape(2, 5, 8)
    torch.testing.assert_close(network._look(tokens), wanted)


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"3 heads must divide a width of 8"):
        AttentionNice(5, 120, 4, width=8, n_heads=3)
