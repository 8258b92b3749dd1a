"""What a reader of sentences minimises: the tokens it does not expect, and what its codes and states are far from.

Source: Duan et al. 2023 (DeWave), section 3.3. The paper does not give the weights of the parts; the recipe states ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.modeling_outputs import BaseModelOutput

from models.text.reader import Quantised, SentenceReader
from models.text.wave_encoder import WaveEncoder
from training.readers.objective import Temperature, info_nce
from training.text.denoising import labels_of, special_ids
from training.text.examples import ABSENT, Batch, Lexicon
from training.text.order import evenly, in_order, log_chances
from training.text.tokens import padded
from training.text_recipe import LossWeights

ORDERED: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"words": in_order, "evenly": evenly}
"""What brings words and the steps of waves together, by the name of its weight."""
MOST_WORDS = 512
"""Words of a step that are compared with each other at most."""


@dataclass(slots=True)
class Temperatures:
    """The learned temperatures of both contrasts."""

    words: Temperature = field(default_factory=Temperature)
    sentences: Temperature = field(default_factory=Temperature)

    def parameters(self) -> list[nn.Parameter]:
        """What is learned."""
        return [self.words.log_scale, self.sentences.log_scale]

    def parts(self) -> dict[str, Temperature]:
        """Both by name."""
        return {"words": self.words, "sentences": self.sentences}

    def to(self, device: torch.device) -> Temperatures:
        """The same, on a device."""
        for part in self.parts().values():
            part.to(device)
        return self

    def constrain(self) -> None:
        """Clamp both, after each update."""
        self.words.constrain()
        self.sentences.constrain()


def parts_of_loss(
    reader: SentenceReader, batch: Batch, lexicon: Lexicon, temperatures: Temperatures, weights: LossWeights
) -> tuple[dict[str, Tensor], Tensor]:
    """The loss as the recipe mixes it with its parts, and the codes (n,) that were used.

    ``tokens`` is the cross-entropy per token without smoothing. What has no weight is not computed.
    """
    read = reader.quantise(batch.signal, batch.mask)
    parts, total = {"commitment": read.commitment}, read.commitment
    for name, part in _aligned(reader, read, batch.forms, lexicon, temperatures.words, weights).items():
        parts[name] = part
        total = total + getattr(weights, name) * part
    if weights.tokens or weights.sentences:
        states, embedding = reader.understand(read)
        if weights.tokens:
            smooth, parts["tokens"] = _tokens(reader, states, read.mask, batch, weights.label_smoothing)
            total = total + weights.tokens * smooth
        if weights.sentences:
            parts["sentences"] = _sentences(reader, embedding, batch, temperatures.sentences)
            total = total + weights.sentences * parts["sentences"]
    there = torch.ones_like(read.codes, dtype=torch.bool) if read.mask is None else read.mask
    return {"loss": total, **parts}, read.codes[there]


def _tokens(
    reader: SentenceReader, states: Tensor, mask: Tensor | None, batch: Batch, smoothing: float
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the true tokens given those before them, smoothed and not: for the loss, never for a score."""
    labels, numbers = labels_of(batch.ids, reader.language), None if mask is None else mask.long()
    encoded = BaseModelOutput(last_hidden_state=states)
    logits = reader.language(encoder_outputs=encoded, attention_mask=numbers, labels=labels).logits.flatten(0, 1)
    smooth = functional.cross_entropy(logits, labels.flatten(), label_smoothing=smoothing)
    with torch.no_grad():
        plain = functional.cross_entropy(logits, labels.flatten())
    return smooth, plain


def _aligned(
    reader: SentenceReader,
    read: Quantised,
    forms: Tensor,
    lexicon: Lexicon,
    temperature: Temperature,
    weights: LossWeights,
) -> dict[str, Tensor]:
    """The parts that bring steps and words together, of those that have a weight."""
    if not isinstance(reader.encoder, WaveEncoder):
        return {"words": _words(reader, read, forms, lexicon, temperature)} if weights.words else {}
    wanted = {name: part for name, part in ORDERED.items() if getattr(weights, name)}
    if not wanted:
        return {}
    found = log_chances(read.words, lexicon.vectors(reader.language), lexicon.blank(reader.language), temperature())
    n_steps = forms.new_full(forms.shape[:1], found.shape[1]) if read.mask is None else read.mask.sum(dim=1)
    return {name: part(found, n_steps, forms) for name, part in wanted.items()}


def _words(
    reader: SentenceReader, read: Quantised, forms: Tensor, lexicon: Lexicon, temperature: Temperature
) -> Tensor:
    """Each step finds the embedding of its word among those of the batch; equal words are no negatives.

    What all embeddings have in common is subtracted: it is most of their length, and tells no word from another.
    """
    known = (forms != ABSENT).nonzero()[:MOST_WORDS]
    chosen = forms[known[:, 0], known[:, 1]]
    shown = lexicon.vectors(reader.language)
    common = shown.mean(dim=0)
    vectors = read.words[known[:, 0], known[:, 1]] - common
    return info_nce(vectors, shown[chosen] - common, temperature(), lexicon.same.to(chosen.device)[chosen])


def _sentences(reader: SentenceReader, embedding: Tensor, batch: Batch, temperature: Temperature) -> Tensor:
    """Each signal finds its sentence among those of the batch; the same sentence, read by another, is no negative."""
    ids, mask = padded(batch.ids, special_ids(reader.language)[2], embedding.device)
    return info_nce(embedding, reader.sentence_embedding(ids, mask), temperature(), batch.sentence)
