"""What a window may read from a running session that reads sentences: frozen, no live state."""

from __future__ import annotations

from dataclasses import dataclass

from bci_app.contract.manifest import Score, TextManifest
from bci_app.text.scores import FEWEST_SENTENCES, MATCHED_MINUS_SHUFFLED, Gap

NOT_DETECTED = "No EEG information was detected when this model was tested"
NOT_TESTED = "Whether this model reads is not known: it was not tested on matched against shuffled EEG"
TOLD_NOTHING = (
    "Whether this model reads is not known: its test was of too few sentences, or noise told sentences apart as well"
)


@dataclass(frozen=True, slots=True)
class OwnTest:
    """What is known of a model from its test: the figure (None without an interval), whether it reads, and that in words."""

    score: Score | None
    convincing: bool
    verdict: str

    @classmethod
    def of(cls, manifest: TextManifest) -> OwnTest:
        """What the metrics of a bundle say."""
        score = next((each for each in manifest.metrics if each.name == MATCHED_MINUS_SHUFFLED), None)
        if score is None:
            return cls(None, False, NOT_TESTED)
        if score.low is None or score.high is None:
            return cls(None, False, TOLD_NOTHING)
        if score.low <= 0:
            return cls(score, False, NOT_DETECTED)
        if score.noise_input is not None and score.noise_input >= score.low:
            return cls(score, False, "When this model was tested, noise scored as high as its interval begins")
        return cls(score, True, "EEG information was detected when this model was tested")


@dataclass(frozen=True, slots=True)
class SessionScores:
    """What this session comes to so far.

    Attributes
    ----------
    n_scored : int
        Sentences of which it is known what was shown, and which were new to the model.
    n_untold, n_known : int
        Sentences whose markers do not tell what was shown, and those that the model was trained on.
    eeg, noise : Gap or None
        Of what was read from the EEG and of what the same model read from noise; None as long as there is nothing to shuffle.
    convincing : bool
    verdict : str
        Whether text was read, in words.
    """

    n_scored: int = 0
    n_untold: int = 0
    n_known: int = 0
    eeg: Gap | None = None
    noise: Gap | None = None
    convincing: bool = False
    verdict: str = "Nothing has been read yet."

    @property
    def enough(self) -> bool:
        """Whether there are sentences enough for figures to mean anything."""
        return self.eeg is not None and self.eeg.n_sentences >= FEWEST_SENTENCES
