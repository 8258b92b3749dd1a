"""What a participant is to read on the screen: sentences of a text file, and the pace of their words."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from bci_app.contract.errors import SettingsError
from bci_app.contract.reading import SentenceSpec
from bci_app.engine.settings import Frozen
from bci_app.streams.markers import MAX_LABEL, is_label

MARKERS = "bci-app sentences"
"""Name of the stream of their markers."""
SPEC = SentenceSpec()


class Pace(Frozen):
    """`soa_s` from one word to the next, a cross for `lead_s` before the first, and for `pause_s` between sentences.

    Words faster than three a second are held back by the flash guard where they would flash.
    """

    soa_s: float = Field(default=0.5, ge=0.2, le=10)
    lead_s: float = Field(default=0.5, gt=0, le=10)
    pause_s: float = Field(default=1.5, ge=0, le=60)


def read_sentences(path: Path) -> tuple[str, ...]:
    """The sentences of a text file, one in each line; empty lines are passed over.

    Raises
    ------
    SettingsError
        If it cannot be read or holds no sentence, or one of them is too long for a marker or a model, or not printable.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The sentences '{path}' must be a text file in UTF-8; reading it failed: {error}. Check the path, or save "
            "it as UTF-8."
        ) from None
    sentences = {number: " ".join(line.split()) for number, line in enumerate(lines, 1) if line.strip()}
    if not sentences:
        raise SettingsError(f"A file of sentences has one in each line; '{path.name}' has none. Fill it.")
    for number, sentence in sentences.items():
        n_words = len(sentence.split())
        if not is_label(SPEC.start_label(sentence)) or n_words > SPEC.max_words:
            raise SettingsError(
                f"A sentence has up to {SPEC.max_words} words and {MAX_LABEL - len(SPEC.start_label(''))} printable characters; "
                f"line {number} of '{path.name}' has {n_words} words and {len(sentence)} characters. Shorten or divide it."
            )
    return tuple(sentences.values())
