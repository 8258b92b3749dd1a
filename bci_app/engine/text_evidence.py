"""Running evidence of a session that reads sentences: is what was read nearer to what was shown than to something else?"""

from __future__ import annotations

import threading

from bci_app.engine.events import SentenceRead
from bci_app.engine.text_views import SessionScores
from bci_app.text.scores import Gap, matched_minus_shuffled, not_alone, verdict
from bci_app.text.strata import LEAST
from bci_app.text.words import sentence_key

_OTHERS = "others of this session and of the same length"
_N_DRAWS = 500
"""Of the running interval; the summary draws more."""


class RunningText:
    """BLEU-1 of all sentences so far, matched and shuffled within this session, of the EEG and of the noise twin.

    Parameters
    ----------
    waves : bool
        Whether sentences are read as waves: their steps are samples, not words.

    Notes
    -----
    Sentences are shuffled among those with as many words (of waves, of about the same duration), as
    `bci_app.text.scores` says. Markers name no task, so a session counts as one. What the markers do not tell, and what the
    model was trained on, is counted and not scored.
    Thread: `add` from the decoding worker, `scores` from any.
    """

    def __init__(self, waves: bool) -> None:
        self._at_least = LEAST["waves" if waves else "word-windows"]
        self._lock = threading.Lock()
        self._rows: list[tuple[SentenceRead, int]] = []
        self._n_untold = self._n_known = 0
        self._scores = SessionScores()

    def add(self, sentence: SentenceRead, n_steps: int) -> None:
        """Add a sentence whose noise twin has been read too; `n_steps` words, of waves samples, went into the model."""
        self.note(sentence, n_steps)
        scores = self.final(_N_DRAWS)
        with self._lock:
            self._scores = scores

    def note(self, sentence: SentenceRead, n_steps: int) -> None:
        """The same without a look at the scores, for sentences of a session that is over."""
        if not sentence.shown:
            self._n_untold += 1
        elif sentence.known:
            self._n_known += 1
        else:
            self._rows.append((sentence, n_steps))

    def scores(self) -> SessionScores:
        """As they stand; any thread."""
        with self._lock:
            return self._scores

    def final(self, n_draws: int = 2000) -> SessionScores:
        """Computed now, with `n_draws` of the bootstrap; the thread that adds, or after it."""
        n = (len(self._rows), self._n_untold, self._n_known)
        shown = [sentence.shown for sentence, _ in self._rows]
        n_steps, one_task = [steps for _, steps in self._rows], ["session"] * len(self._rows)

        def gap(read: list[str]) -> Gap:
            return matched_minus_shuffled(read, shown, one_task, n_steps, at_least=self._at_least, n_draws=n_draws)

        keys = [sentence_key(each) for each in shown]
        if not not_alone(keys, one_task, n_steps, self._at_least):
            return SessionScores(*n, verdict=_unscored(*n, len(set(keys))))
        eeg = gap([sentence.read for sentence, _ in self._rows])
        noise = gap([sentence.noise or "" for sentence, _ in self._rows])
        return SessionScores(*n, eeg, noise, *verdict(eeg, noise, _OTHERS))


def _unscored(n_scored: int, n_untold: int, n_known: int, n_different: int) -> str:
    if n_different > 1:
        return f"{n_scored} sentences, none as long as another; a shuffle needs two of about the same length."
    if n_scored:
        return f"{n_scored} sentence{'s' if n_scored > 1 else ''} of one kind; a shuffle needs two different ones."
    if n_known:
        return "Only sentences that the model was trained on were shown: reading them proves nothing, so they are not scored."
    if n_untold:
        return "The markers do not tell what was shown, so what was read is not scored."
    return SessionScores().verdict
