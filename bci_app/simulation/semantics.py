"""From a word to a vector: what the simulated reader's brain knows of it.

A word of class ``c`` has the vector ``sqrt(s) z_c + sqrt(1 - s) z_w``, where ``z_c`` and ``z_w`` are standard normal draws that
belong to the class and to the word, and ``s`` is `CLASS_SHARE`, or `FUNCTION_SHARE` for function words. So every number of a
vector has variance 1, two words of a class correlate by ``s``, and words of different classes do not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SettingsError
from bci_app.simulation.sentences import FUNCTION, vocabulary
from bci_app.text.words import sentence_key

Floats = NDArray[np.float64]
CLASS_SHARE, FUNCTION_SHARE = 0.4, 0.7


class Semantics:
    """Vectors of all words of the grammar.

    Parameters
    ----------
    dim : int
        Length of a vector.
    seed : int
        Draws the vectors; each depends on the seed and its own names alone, not on what else there is.

    Attributes
    ----------
    words : tuple of str
        The words, as `sentence_key` writes them.
    vectors : float64 array (n_words, dim)
        Their vectors, read-only.
    """

    def __init__(self, dim: int, seed: int = 0) -> None:
        known = vocabulary()
        self.words = tuple(known)
        self._row = {word: row for row, word in enumerate(self.words)}
        of_class = {name: _draw("class", name, dim, seed) for name in set(known.values())}
        self.vectors: Floats = np.empty((len(known), dim))
        for row, (word, name) in enumerate(known.items()):
            share = FUNCTION_SHARE if name == FUNCTION else CLASS_SHARE
            self.vectors[row] = np.sqrt(share) * of_class[name] + np.sqrt(1 - share) * _draw("word", word, dim, seed)
        self.vectors.flags.writeable = False

    def of(self, words: Iterable[str]) -> Floats:
        """Vectors (n, dim) of printed words, whatever their case and punctuation.

        Raises
        ------
        SettingsError
            If the grammar does not know one of them.
        """
        rows = []
        for word in words:
            row = self._row.get(sentence_key(word))
            if row is None:
                raise SettingsError(
                    f"The simulated reader knows the {len(self.words)} words of its grammar; {word!r} is none of them. "
                    "Give sentences of bci_app.simulation.sentences."
                )
            rows.append(row)
        return self.vectors[rows]


def _draw(kind: str, name: str, dim: int, seed: int) -> Floats:
    key = hashlib.sha256(f"{kind} {name}".encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(key[:8], "big")]).standard_normal(dim)
