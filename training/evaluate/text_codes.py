"""Which codes of the codex are in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CodeUse:
    """How often each code was used.

    Attributes
    ----------
    name : str
        Of which signals: ``"training"``, ``"test"``.
    n_codes, n_states : int
        Codes in the codex, and states that were quantised.
    share_used : float
        Codes used at all, of those there are.
    perplexity : float
        Exponential of the entropy in nats: as many codes in equal use would be as surprising.
    counts : tuple of int
        States of each code that was used, most frequent first.
    """

    name: str
    n_codes: int
    n_states: int
    share_used: float
    perplexity: float
    counts: tuple[int, ...]


def code_use(name: str, codes: Sequence[NDArray[np.int64]], n_codes: int) -> CodeUse:
    """Counts over all states of all sentences."""
    return use_of_counts(name, np.bincount(np.concatenate([np.empty(0, np.int64), *codes]), minlength=n_codes))


def use_of_counts(name: str, counts: NDArray[np.int64]) -> CodeUse:
    """The same of how many states each code (n_codes,) stood for."""
    used = np.sort(counts[counts > 0])[::-1]
    share = used / max(used.sum(), 1)
    return CodeUse(
        name,
        len(counts),
        int(counts.sum()),
        len(used) / len(counts),
        float(np.exp(-(share * np.log(share)).sum())),
        tuple(used.tolist()),
    )
