"""From signal to states: what is not there changes nothing, and what is too long is refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.text.codex import Codex
from models.text.language import small_bart
from models.text.reader import SentenceReader
from models.text.scale import Standardise
from models.text.wave_encoder import Reconstruction, WaveEncoder
from models.text.word_encoder import WordEncoder, place_codes

N_ROWS = 6


def _reader(waves: bool) -> SentenceReader:
    torch.manual_seed(0)
    encoder = WaveEncoder(N_ROWS, 8, (2, 4), 2, 2, 16, 3, max_steps=32) if waves else WordEncoder(N_ROWS, 8, 2, 2, 16)
    codex = Codex(8, 10, 16, 4)
    codex.begin(torch.randn(40, 8), 10)
    scale = Standardise(torch.zeros(N_ROWS), torch.eye(N_ROWS), waves)
    return SentenceReader(scale, encoder, codex, small_bart(20, 8, 1, 2, 16, 64), 5).eval()


@pytest.mark.parametrize("waves", [False, True])
def test_padding_changes_nothing(waves: bool) -> None:
    reader, lengths = _reader(waves), (24, 37)
    signals = [torch.randn(1, N_ROWS, n) if waves else torch.randn(1, n, N_ROWS) for n in lengths]
    axis = 2 if waves else 1
    batch = torch.full((2, N_ROWS, 37) if waves else (2, 37, N_ROWS), 1e3)
    mask = torch.arange(37)[None] < torch.tensor(lengths)[:, None]
    for row, signal in zip(batch, signals, strict=True):
        row.narrow(axis - 1, 0, signal.shape[axis]).copy_(signal[0])
    states, codes, embedding = reader(batch, mask)
    steps = reader.encoder.shorten(mask)
    for number, signal in enumerate(signals):
        alone = reader(signal)
        assert torch.equal(codes[number][steps[number]], alone[1][0])
        torch.testing.assert_close(states[number][steps[number]], alone[0][0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(embedding[number], alone[2][0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("span", [None, 3, 21])
def test_steps_of_waves_are_their_samples_over_the_strides(span: int | None) -> None:
    encoder = WaveEncoder(N_ROWS, 8, (2, 4), 1, 2, 16, 3, span=span)
    assert encoder.samples_per_step == 8
    for n_times in (1, 8, 9, 37):
        n_steps = -(-n_times // 8)
        assert encoder(torch.randn(1, N_ROWS, n_times)).shape[1] == n_steps
        assert encoder.shorten(torch.ones(1, n_times, dtype=torch.bool)).shape[1] == n_steps
    assert Reconstruction(encoder, N_ROWS)(encoder(torch.randn(2, N_ROWS, 40))).shape == (2, N_ROWS, 40)


def test_a_vector_of_a_word_depends_on_its_place() -> None:
    encoder = WordEncoder(N_ROWS, 8, 1, 2, 16).eval()
    vectors = encoder(torch.ones(1, 4, N_ROWS))
    assert len(torch.unique(vectors[0].round(decimals=4), dim=0)) == 4
    codes = place_codes(50, 8)
    torch.testing.assert_close(codes[:, 0::2].square() + codes[:, 1::2].square(), torch.ones(50, 4))
    assert place_codes(5, 7).shape == (5, 7)


@pytest.mark.parametrize("waves", [False, True])
def test_in_training_a_gradient_reaches_all_weights(waves: bool) -> None:
    reader = _reader(waves).train()
    read = reader.quantise(torch.randn(3, N_ROWS, 24) if waves else torch.randn(3, 7, N_ROWS))
    states, embedding = reader.understand(read)
    shown, tokens = torch.randint(5, 20, (3, 4)), torch.randint(5, 20, (3, 6))
    written = reader.language(encoder_outputs=(states,), labels=tokens).loss
    parts: list[Tensor] = [embedding.square().sum(), reader.sentence_embedding(shown).square().sum()]
    (written + read.commitment + sum(parts)).backward()
    idle = [name for name, weight in reader.named_parameters() if weight.grad is None or not weight.grad.any()]
    # a bias that all keys share changes no attention; no token stands at places that nothing reaches
    assert [name for name in idle if not name.endswith("k_proj.bias")] == []


def test_rows_are_mixed_after_their_mean_is_taken_out_and_values_far_out_are_cut() -> None:
    mean, matrix = torch.tensor([1.0, 2.0]), torch.tensor([[0.5, 0.0], [1.0, -1.0]])
    signal, wanted = torch.tensor([[3.0, 2.0], [1e6, 3.0]]), torch.tensor([[1.0, 2.0], [8.0, 8.0]])
    torch.testing.assert_close(Standardise(mean, matrix)(signal), wanted)
    torch.testing.assert_close(Standardise(mean, matrix, waves=True)(signal.T), wanted.T)


def test_what_does_not_fit_is_refused() -> None:
    scale, codex = Standardise(torch.zeros(N_ROWS), torch.eye(N_ROWS)), Codex(8, 10, 16, 4)
    with pytest.raises(ValueError, match="has 40 places; the encoder gives up to 56 steps"):
        SentenceReader(scale, WordEncoder(N_ROWS, 8, 1, 2, 16), codex, small_bart(20, 8, 1, 2, 16, 40), 5)
    with pytest.raises(ValueError, match="3 heads must divide a width of 8"):
        WordEncoder(N_ROWS, 8, 1, 3)
    with pytest.raises(ValueError, match="kernel and span be odd; got 4 and None"):
        WaveEncoder(N_ROWS, 8, kernel=4, n_heads=2)
    with pytest.raises(ValueError, match="kernel and span be odd; got 3 and 64"):
        WaveEncoder(N_ROWS, 8, kernel=3, n_heads=2, span=64)
