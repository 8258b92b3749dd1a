"""Sentences as tokens: a byte-level tokenizer of our own, or that of a pretrained model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from bci_app.contract.errors import SettingsError
from models.text.language import MASK, SPECIAL, UNKNOWN

Ids = Sequence[int]


def train_tokenizer(sentences: Sequence[str], vocab_size: int) -> Tokenizer:
    """A byte-level tokenizer (byte-pair encoding) with the special tokens of BART.

    Every text can be written with it, since every byte is a token; a word is the same token at the beginning of a sentence and
    inside it.

    Parameters
    ----------
    sentences : sequence of str
        Training text: held-out sentences are not among them.
    vocab_size : int
        Tokens at most; fewer if there is not enough text for more.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        show_progress=False,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(sentences, trainer)
    return tokenizer


def mask_id(tokenizer: Tokenizer) -> int:
    """The token that stands for what is hidden; SettingsError if there is none."""
    found = tokenizer.token_to_id(MASK)
    if found is None:
        raise SettingsError(f"The tokenizer of a BART has a token {MASK}; this one has none. Take another.")
    return found


def ids_of(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Tokens of each text, without special ones."""
    return [each.ids for each in tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def refuse_long(texts: Sequence[str], ids: Sequence[Ids], n_places: int) -> None:
    """SettingsError if one of the texts has more tokens than a language model has places for, first and stop token included."""
    longest = max(range(len(ids)), key=lambda number: len(ids[number]), default=None)
    if longest is not None and len(ids[longest]) + 2 > n_places:
        raise SettingsError(
            f"A sentence has up to {n_places - 2} tokens, as many as the language model has places for; "
            f"'{texts[longest][:60]}' has {len(ids[longest])}. Make language.n_places larger, or leave long sentences out."
        )


def text_of(tokenizer: Tokenizer, ids: Sequence[Ids]) -> list[str]:
    """The text of each row of tokens, without special ones and without spaces at the ends."""
    return [text.strip() for text in tokenizer.decode_batch([list(row) for row in ids], skip_special_tokens=True)]


def padded(rows: Sequence[Ids], pad: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Rows of tokens as one int64 Tensor (n, longest) on a device, and True where there is one."""
    longest = max(max(map(len, rows), default=0), 1)
    ids = torch.full((len(rows), longest), pad, dtype=torch.int64)
    mask = torch.zeros(ids.shape, dtype=torch.bool)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row, dtype=torch.int64)
        mask[number, : len(row)] = True
    return ids.to(device), mask.to(device)
