"""BART's decoder one token at a time, over weights that it shares: what a token needs of those before it is handed in.

Every layer's keys and values of a sentence's states are made once (`EncodedSentence`); every layer's keys and values of a token
are made once, when it is stepped over (`CachedStep`). So a step costs the same for the first word and, but for the attention
over those before it, for the thirtieth.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BartForConditionalGeneration
from transformers.models.bart.modeling_bart import BartAttention


class EncodedSentence(nn.Module):
    """Signal -> keys and values of the decoder's attention to it, codes, and embedding.

    Parameters
    ----------
    reader : nn.Module
        Has `language`, a BartForConditionalGeneration, and `states(signal)`, which gives the last hidden states of its encoder
        (1, n_states, d_model), codes int64 (1, n_states) and an embedding (1, dim).
    """

    def __init__(self, reader: nn.Module) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, signal: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Keys and values (n_layers, 1, n_heads, n_states, head_dim), codes (1, n_states), embedding (1, dim)."""
        states, codes, embedding = self.reader.states(signal)  # type: ignore[operator]
        keys, values = cross_cache(self.reader.language, states)  # type: ignore[arg-type]
        return keys, values, codes, embedding


class CachedStep(nn.Module):
    """One token more: logits of what comes next, and the cache with one step more.

    Parameters
    ----------
    language : BartForConditionalGeneration
        Its weights are used, not copied.

    Source: the layers of transformers' BartDecoder, whose normalisation stands behind each part (Lewis et al. 2020).
    """

    def __init__(self, language: BartForConditionalGeneration) -> None:
        super().__init__()
        self.language = language

    def forward(
        self, token: Tensor, past_keys: Tensor, past_values: Tensor, cross_keys: Tensor, cross_values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (batch, vocab_size), keys and values (n_layers, batch, n_heads, n_past + 1, head_dim).

        Parameters
        ----------
        token : int64 Tensor (batch, 1)
        past_keys, past_values : Tensor (n_layers, batch, n_heads, n_past, head_dim)
            Of the tokens before; n_past may be 0.
        cross_keys, cross_values : Tensor (n_layers, 1 or batch, n_heads, n_states, head_dim)
            See `EncodedSentence`.
        """
        decoder: Any = self.language.model.decoder
        place = decoder.embed_positions.weight.narrow(0, past_keys.shape[3] + decoder.embed_positions.offset, 1)
        hidden = decoder.layernorm_embedding(decoder.embed_tokens(token[:, 0]) + place)
        grown_keys, grown_values = [], []
        for number, layer in enumerate(decoder.layers):
            own = layer.self_attn
            keys = torch.cat((past_keys[number], _alone(own.k_proj(hidden), own)), dim=2)
            values = torch.cat((past_values[number], _alone(own.v_proj(hidden), own)), dim=2)
            hidden = layer.self_attn_layer_norm(hidden + _attend(own, hidden, keys, values))
            other = _attend(layer.encoder_attn, hidden, cross_keys[number], cross_values[number])
            hidden = layer.encoder_attn_layer_norm(hidden + other)
            hidden = layer.final_layer_norm(hidden + layer.fc2(layer.activation_fn(layer.fc1(hidden))))
            grown_keys.append(keys)
            grown_values.append(values)
        logits = functional.linear(hidden, self.language.lm_head.weight) + self.language.final_logits_bias
        return logits, torch.stack(grown_keys), torch.stack(grown_values)


def cross_cache(language: BartForConditionalGeneration, states: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values (n_layers, batch, n_heads, n_states, head_dim) of states (batch, n_states, d_model)."""
    layers: Any = language.model.decoder.layers
    attentions = [layer.encoder_attn for layer in layers]
    keys = torch.stack([_heads(each.k_proj(states), each) for each in attentions])
    return keys, torch.stack([_heads(each.v_proj(states), each) for each in attentions])


def empty_cache(language: BartForConditionalGeneration, batch: int = 1) -> Tensor:
    """Keys, or values, of no tokens: (n_layers, batch, n_heads, 0, head_dim)."""
    layers: Any = language.model.decoder.layers
    attention: BartAttention = layers[0].self_attn
    return torch.zeros(len(layers), batch, attention.num_heads, 0, attention.head_dim)


def _heads(numbers: Tensor, attention: BartAttention) -> Tensor:
    """(batch, n, d_model) -> (batch, n_heads, n, head_dim)."""
    batch, n = numbers.shape[:2]
    return numbers.view(batch, n, attention.num_heads, attention.head_dim).transpose(1, 2)


def _alone(numbers: Tensor, attention: BartAttention) -> Tensor:
    """One token (batch, d_model) -> (batch, n_heads, 1, head_dim): in memory the same numbers, nothing is moved."""
    return numbers.view(numbers.shape[0], attention.num_heads, 1, attention.head_dim)


def _attend(attention: BartAttention, hidden: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """What one token (batch, d_model) takes from places (batch, n_heads, n, head_dim)."""
    asked = _alone(attention.q_proj(hidden), attention) * attention.scaling
    taken = torch.softmax(asked @ keys.transpose(2, 3), dim=3) @ values
    given: Tensor = attention.out_proj(taken.reshape(hidden.shape))
    return given
