"""Words of a sentence, and what makes two sentences the same: one rule, in the program and in the workshop."""

from __future__ import annotations

import re
import unicodedata

_NO_WORD = re.compile(r"[^\w]+")


def sentence_key(text: str) -> str:
    """The words of a sentence without case, accents' encoding, punctuation and spaces: equal for the same sentence.

    ZuCo prints the same sentence in several tasks and in both versions with other quotation marks and spaces.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_NO_WORD.sub(" ", folded).split())
