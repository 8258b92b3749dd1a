"""Words of a sentence in waves, of which only the order is known: which steps tell them is learnt with what they are.

DeWave leaves open how waves without markers are brought together with words; this is our choice, taken from speech: a lattice of
steps that each tell a word or nothing (Graves et al. 2006, "Connectionist temporal classification"), begun from equal shares of
the sentence, the flat start of recognisers (Young et al. 2006, "The HTK book", section 3.2.3).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from training.text.examples import ABSENT


def log_chances(steps: Tensor, shown: Tensor, blank: Tensor, scale: Tensor) -> Tensor:
    """Log probability (batch, n, n_forms + 1) that a step tells each word, or last, that it tells none.

    Parameters
    ----------
    steps : Tensor (batch, n, d_model)
        What the language model is given in place of embedded words.
    shown : Tensor (n_forms, d_model)
        Embeddings of the words. What they have in common is subtracted of all: it is most of their length.
    blank : Tensor (1, d_model)
        What stands where no word is told.
    scale : Tensor ()
        One over the temperature of the cosines.
    """
    common = shown.mean(dim=0)
    classes = functional.normalize(torch.cat((shown, blank)) - common, dim=1)
    return (scale * functional.normalize(steps - common, dim=2) @ classes.T).log_softmax(dim=2)


def in_order(found: Tensor, n_steps: Tensor, forms: Tensor) -> Tensor:
    """Minus the log probability, per word, that the steps tell the words of the sentence in their order, and nothing else.

    Summed over all ways to lay the words over the steps; a sentence with too few steps for its words costs nothing (a step
    each, and one of none between equal words).

    Parameters
    ----------
    found : Tensor (batch, n, n_forms + 1)
        See `log_chances`.
    n_steps : int64 Tensor (batch,)
        How many steps of each are there.
    forms : int64 Tensor (batch, n_words)
        Numbers of the words; -1 where there is none, or one that was not learnt.

    Source: Graves et al. 2006, equation 8.
    """
    known = forms != ABSENT
    n_words = known.sum(dim=1)
    blank = found.shape[2] - 1
    steps_first = found.transpose(0, 1)
    cost = functional.ctc_loss(steps_first, forms[known], n_steps, n_words, blank, reduction="sum", zero_infinity=True)
    return cost / n_words.sum().clamp(min=1)


def evenly(found: Tensor, n_steps: Tensor, forms: Tensor) -> Tensor:
    """Cross-entropy of each word in the middle of its share of the steps, and of nothing where the share begins.

    Parameters
    ----------
    found, n_steps, forms
        See `in_order`; all words have equal shares.
    """
    known = forms != ABSENT
    rows, places = known.nonzero(as_tuple=True)
    n_words = (known * torch.arange(1, forms.shape[1] + 1, device=forms.device)).amax(dim=1)
    share = n_steps[rows] / n_words[rows]
    middles, begins = ((places + 0.5) * share).long(), (places * share).long()
    gained = found[rows, middles, forms[rows, places]] + found[rows, begins, -1]
    return -gained.sum() / max(len(gained), 1)
