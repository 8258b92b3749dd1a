"""From a sentence of EEG to the states a language model writes from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import BartForConditionalGeneration

from models.text.bands import BandAmplitudes
from models.text.codex import Codex
from models.text.scale import Standardise
from models.text.wave_encoder import WaveEncoder
from models.text.word_encoder import WordEncoder


class Quantised(NamedTuple):
    """What a signal becomes before the language model.

    Attributes
    ----------
    words : Tensor (batch, n, d_model)
        What the language model is given in place of embedded words.
    codes : int64 Tensor (batch, n)
    commitment : Tensor ()
        Loss of the codex; zero outside training.
    mask : bool Tensor (batch, n) or None
        Which steps are there.
    """

    words: Tensor
    codes: Tensor
    commitment: Tensor
    mask: Tensor | None


class Pool(nn.Module):
    """The mean over what is there, in the space that sentences of EEG and of text share.

    Parameters
    ----------
    width, dim : int
        Numbers that go in and come out.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.leave = nn.Linear(width, dim)

    def forward(self, states: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, n, width) -> (batch, dim); `mask` (batch, n) is True where there is something."""
        there = states.new_ones(states.shape[:2]) if mask is None else mask.to(states.dtype)
        pooled: Tensor = self.leave((states * there[..., None]).sum(dim=1) / there.sum(dim=1, keepdim=True))
        return pooled


class SentenceReader(nn.Module):
    """Standard scores, encoder, codex, and BART.

    Source: Duan et al. 2023, "DeWave: discrete EEG waves encoding for brain dynamics to text translation" (NeurIPS), figure 2.

    Parameters
    ----------
    standardise : Standardise
        By the statistics of the training signals; of windows, by those of their band amplitudes.
    encoder : WordEncoder or WaveEncoder
    codex : Codex
    language : BartForConditionalGeneration
    dim : int
        Numbers of the embedding of a sentence.
    bands : BandAmplitudes, optional
        For windows of EEG per word.

    Raises
    ------
    ValueError
        If the encoder gives more steps than the language model has places.
    """

    def __init__(
        self,
        standardise: Standardise,
        encoder: WordEncoder | WaveEncoder,
        codex: Codex,
        language: BartForConditionalGeneration,
        dim: int = 128,
        bands: BandAmplitudes | None = None,
    ) -> None:
        super().__init__()
        shown = language.get_input_embeddings().weight
        assert isinstance(shown, Tensor)
        d_model, n_places = shown.shape[1], language.config.max_position_embeddings
        if encoder.max_steps > n_places:
            raise ValueError(
                f"The language model has {n_places} places; the encoder gives up to {encoder.max_steps} steps. Make max_words "
                "lower, the strides longer, or take a model with more places"
            )
        self.bands, self.standardise, self.encoder, self.codex = bands, standardise, encoder, codex
        norm = nn.LayerNorm(d_model)
        self.enter = nn.Sequential(nn.Linear(codex.dim, d_model), norm)
        self.language = language
        self.read_pool, self.shown_pool = Pool(d_model, dim), Pool(d_model, dim)
        with torch.no_grad():  # as long as words are, or their places would drown them
            norm.weight.fill_(float(shown.std()))

    def forward(self, signal: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """See `states`."""
        return self.states(signal, mask)

    def states(self, signal: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Last hidden states (batch, n, d_model) of BART's encoder, codes (batch, n) and embeddings (batch, dim) of signals.

        Parameters
        ----------
        signal, mask
            See `quantise`.
        """
        read = self.quantise(signal, mask)
        states, embedding = self.understand(read)
        return states, read.codes, embedding

    def quantise(self, signal: Tensor, mask: Tensor | None = None) -> Quantised:
        """The codes of signals, as words.

        Parameters
        ----------
        signal : float32 Tensor
            Words (batch, n_words, n_features), windows of words (batch, n_words, n_channels, n_times) or waves (batch,
            n_channels, n_times).
        mask : bool Tensor (batch, n_words or n_times), optional
            True where there is signal; all by default.
        """
        vectors, mask = self.encode(signal, mask)
        quantised, codes, commitment = self.codex.read(vectors, mask)
        return Quantised(self.enter(quantised), codes, commitment, mask)

    def understand(self, read: Quantised) -> tuple[Tensor, Tensor]:
        """Last hidden states (batch, n, d_model) of BART's encoder, and embeddings (batch, dim)."""
        states = self._encoded(read.words, read.mask)
        embedding: Tensor = self.read_pool(states, read.mask)
        return states, embedding

    def encode(self, signal: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Vectors (batch, n, width) before the codex, and which of them are there; see `quantise`."""
        features = signal if self.bands is None else self.bands(signal)
        vectors = self.encoder(self.standardise(features), mask)
        return vectors, None if mask is None else self.encoder.shorten(mask)

    def sentence_embedding(self, token_ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Embeddings (batch, dim) of sentences, in the space of those of signals.

        Parameters
        ----------
        token_ids : int64 Tensor (batch, n_tokens)
            Without first and stop token.
        mask : bool Tensor (batch, n_tokens), optional
            True where there is a token.
        """
        states = self._encoded(self.language.get_input_embeddings()(token_ids), mask)
        embedding: Tensor = self.shown_pool(states, mask)
        return embedding

    def _encoded(self, words: Tensor, mask: Tensor | None) -> Tensor:
        numbers = None if mask is None else mask.long()
        states: Tensor = self.language.get_encoder()(inputs_embeds=words, attention_mask=numbers).last_hidden_state
        return states
