"""BART stepped over one token at a time gives what it gives for the whole text at once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from transformers import BartConfig, BartForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from models.text.cached import CachedStep, EncodedSentence, cross_cache, empty_cache

N_LAYERS, WIDTH, VOCAB, N_STATES, N_TOKENS = 3, 16, 30, 5, 7


def _language(scale_embedding: bool = False) -> BartForConditionalGeneration:
    torch.manual_seed(0)
    config = BartConfig(
        vocab_size=VOCAB, d_model=WIDTH, encoder_layers=1, decoder_layers=N_LAYERS, encoder_attention_heads=2,
        decoder_attention_heads=4, encoder_ffn_dim=16, decoder_ffn_dim=24, max_position_embeddings=N_TOKENS,
        init_std=0.3, scale_embedding=scale_embedding,
    )  # fmt: skip
    language = BartForConditionalGeneration(config).eval()
    language.final_logits_bias.copy_(torch.randn(1, VOCAB))
    for name, weight in language.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(weight)  # zero in a new model, where a forgotten one would not show
    return language


def _stepped(language: BartForConditionalGeneration, ids: Tensor, states: Tensor) -> Tensor:
    """Logits (batch, n_tokens, vocab_size), a step each."""
    cross, keys, values = (
        cross_cache(language, states),
        empty_cache(language, len(ids)),
        empty_cache(language, len(ids)),
    )
    step, logits = CachedStep(language), []
    for place in range(ids.shape[1]):
        made, keys, values = step(ids[:, place : place + 1], keys, values, *cross)
        logits.append(made)
    assert keys.shape == values.shape == (N_LAYERS, len(ids), 4, ids.shape[1], WIDTH // 4)
    return torch.stack(logits, dim=1)


@pytest.mark.parametrize("scale_embedding", [False, True])
@torch.no_grad()
def test_a_step_per_token_gives_the_logits_of_the_whole_text_up_to_the_last_place(scale_embedding: bool) -> None:
    language = _language(scale_embedding)
    ids, states = torch.randint(VOCAB, (2, N_TOKENS)), torch.randn(2, N_STATES, WIDTH)
    whole = language(decoder_input_ids=ids, encoder_outputs=BaseModelOutput(last_hidden_state=states)).logits
    torch.testing.assert_close(_stepped(language, ids, states), whole, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_hypotheses_share_the_states_of_their_one_sentence() -> None:
    language, ids, states = _language(), torch.randint(VOCAB, (3, 4)), torch.randn(1, N_STATES, WIDTH)
    alone = torch.cat([_stepped(language, row[None], states) for row in ids])
    torch.testing.assert_close(_stepped(language, ids, states), alone)


@torch.no_grad()
def test_a_sentence_leaves_as_what_the_decoder_attends_to_its_codes_and_its_embedding() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.language = _language()

        def states(self, signal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            return 2 * signal, torch.tensor([[3, 1]]), signal.sum(dim=1)

    signal, reader = torch.randn(1, 2, WIDTH), Reader()
    keys, values, codes, embedding = EncodedSentence(reader)(signal)
    last = reader.language.model.decoder.layers[-1].encoder_attn
    torch.testing.assert_close(keys[-1].transpose(1, 2).flatten(2), last.k_proj(2 * signal))
    torch.testing.assert_close(values[-1].transpose(1, 2).flatten(2), last.v_proj(2 * signal))
    assert codes.tolist() == [[3, 1]]
    torch.testing.assert_close(embedding, signal.sum(dim=1))
