"""What was found out about a model of EEG-to-text, as plain values: for its report, its bundle and a JSON file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bci_app.contract.manifest import Score
from bci_app.contract.reading import Reads
from bci_app.text.rows import CONVENTIONS, FIGURES
from bci_app.text.scores import MATCHED_MINUS_SHUFFLED, Estimate, Gap, verdict
from training.evaluate.text_codes import CodeUse
from training.evaluate.text_inputs import NOISE, OTHER_SENTENCE
from training.evaluate.text_retrieval import Retrieval


@dataclass(frozen=True, slots=True)
class Said:
    """What was said in answer to one kind of input, or without any, against the sentences shown.

    Attributes
    ----------
    name : str
    n, n_distinct : int
        Rows, and different texts among them.
    n_words : float
        Mean words of a text.
    most_common : str
        The text said most often, and ...
    most_common_share : float
        ... its share of rows.
    figures : mapping of str to Estimate
        BLEU-1 to BLEU-4, ROUGE-1, word error rate, all in hundredths.
    similarity : Estimate
        Cosine of the mean word vectors of what was said and shown, mean over rows. The vectors are those of the model that is
        scored: the input embeddings of its language model, for whatever was said.
    similarity_shuffled : float or None
        The same with other sentences of the same task and number of steps; None of another sentence's EEG, as `gap`.
    similarity_gap : Estimate or None
        The first less the second, of rows that have such others. Chance is 0.
    gap : Gap or None
        None if no task has two sentences, and of another sentence's EEG: it is a shuffle, and a shuffle of it would give some
        rows the sentence of their EEG back.
    retrieval : Retrieval or None
        Only of signals.
    note : str
    """

    name: str
    n: int
    n_distinct: int
    n_words: float
    most_common: str
    most_common_share: float
    figures: Mapping[str, Estimate]
    similarity: Estimate
    similarity_shuffled: float | None
    similarity_gap: Estimate | None
    gap: Gap | None
    retrieval: Retrieval | None
    note: str = ""


Of = Callable[[Said], Estimate | None]
"""A figure of what was said."""


@dataclass(frozen=True, slots=True)
class Part:
    """Matched minus shuffled of one task or subject alone."""

    name: str
    gap: Gap


@dataclass(frozen=True, slots=True)
class Example:
    """A test row; `why` says how it was chosen. What has no input is None."""

    why: str
    subject: str
    task: str
    shown: str
    read: str
    noise: str
    other: str | None
    rouge: float
    """ROUGE-1 F of the row, in hundredths."""


@dataclass(frozen=True, slots=True)
class TextFindings:
    """Everything that was found, as plain values; `as_json` gives them for a file.

    Attributes
    ----------
    data : str
    reads : {"word-features", "word-windows", "waves"}
    n_train, n_test, n_train_sentences, n_test_sentences : int
        Readings, and different sentences among them.
    n_seen : int
        Test readings of sentences that were trained on.
    subjects, tasks : tuple of str
        Of the test readings.
    held_out : str
        What was kept out of training, in words.
    inputs : tuple of Said
        The five inputs, real first; then the model trained on noise, if there is one.
    baselines : tuple of Said
        Without any signal.
    best_constant : str
        The sentence of that baseline.
    teacher_forced : mapping of str to Estimate
        BLEU-1 when the decoder is given the true tokens before each place: by input. Not a reading.
    codes : tuple of CodeUse
        On training and on test signals.
    by_task, by_subject : tuple of Part
    examples : tuple of Example
    notes : tuple of str
    conventions : str
        How the figures are defined.
    """

    data: str
    reads: Reads
    n_train: int
    n_test: int
    n_train_sentences: int
    n_test_sentences: int
    n_seen: int
    subjects: tuple[str, ...]
    tasks: tuple[str, ...]
    held_out: str
    inputs: tuple[Said, ...]
    baselines: tuple[Said, ...]
    best_constant: str
    teacher_forced: Mapping[str, Estimate]
    codes: tuple[CodeUse, ...]
    by_task: tuple[Part, ...]
    by_subject: tuple[Part, ...]
    examples: tuple[Example, ...]
    notes: tuple[str, ...]
    conventions: str = CONVENTIONS

    def said(self, name: str) -> Said:
        """Of one input or baseline."""
        return next(each for each in (*self.inputs, *self.baselines) if each.name == name)

    @property
    def gap(self) -> Gap:
        """The primary figure."""
        gap = self.inputs[0].gap
        assert gap is not None  # score_text refuses test readings without
        return gap

    @property
    def verdict(self) -> tuple[bool, str]:
        """Whether text was read, and the sentences that say so."""
        read, words = verdict(self.gap, self.said(NOISE).gap)
        if self.n_seen:
            words += (
                f" {self.n_seen:,} of {self.n_test:,} test readings are of sentences that were trained on: for them it is "
                "recognition of a known sentence, not reading of a new one."
            )
        if read and self.n_seen == self.n_test:
            return (
                False,
                f"Known sentences were told apart by their EEG; no new one was read. {words.partition('. ')[2]}",
            )
        return read, words

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values, with the verdict."""
        read, words = self.verdict
        return {"text_was_read": read, "verdict": words, **asdict(self)}


def bundle_scores(findings: TextFindings) -> tuple[Score, ...]:
    """The figures that a bundle keeps; the first is `MATCHED_MINUS_SHUFFLED`.

    `noise_input` is the same model fed noise, `shuffled_pairing` the same model fed another sentence's EEG; of the first
    figure it is how far that one deal lies from the mean of all. Where nothing was read although the interval lies above zero
    and above noise, of too few sentences or with noise that tells some too, the first figure has no interval: who sees the
    bundle alone would take it for a reading.
    """
    chance = {"BLEU-1": findings.gap.shuffled}
    found: list[tuple[str, Of, float | None, int | None]] = [
        (name, _figure(name), chance.get(name), None) for name in FIGURES
    ]
    found.append(("embedding similarity", lambda said: said.similarity, findings.inputs[0].similarity_shuffled, None))
    found.append(
        ("embedding similarity, matched minus shuffled", lambda said: said.similarity_gap, 0.0, findings.gap.n)
    )
    retrieved = findings.inputs[0].retrieval
    if retrieved is not None:
        among = f"of {retrieved.n_candidates:.1f} sentences as long"
        found.append((f"top-1 retrieval {among}", _retrieved("top_1"), retrieved.chance_1, retrieved.n))
        if retrieved.chance_5 < 1:
            found.append((f"top-5 retrieval {among}", _retrieved("top_5"), retrieved.chance_5, retrieved.n))
        found.append((f"share of others that fit less well, {among}", _retrieved("rank"), 0.5, retrieved.n))
    first = _score(findings, MATCHED_MINUS_SHUFFLED, _gap, 0.0, findings.gap.n)
    others = [_score(findings, *each) for each in found]
    lowest = findings.gap.gap.low
    if not verdict(findings.gap, findings.said(NOISE).gap)[0] and lowest > max(0.0, first.noise_input or 0.0):
        first = first.model_copy(update={"low": None, "high": None})
    dealt = others[0].shuffled_pairing
    dealt = None if dealt is None else dealt - findings.gap.shuffled
    return (first.model_copy(update={"shuffled_pairing": dealt}), *others)


def _score(findings: TextFindings, name: str, of: Of, chance: float | None, n: int | None = None) -> Score:
    real, noise, other = (_estimate(findings, each, of) for each in (findings.inputs[0].name, NOISE, OTHER_SENTENCE))
    assert real is not None
    return Score(
        name=name,
        value=real.value,
        low=real.low,
        high=real.high,
        chance=chance,
        noise_input=None if noise is None else noise.value,
        shuffled_pairing=None if other is None else other.value,
        n=findings.n_test if n is None else n,
        held_out=findings.held_out,
    )


def _estimate(findings: TextFindings, name: str, of: Of) -> Estimate | None:
    found = [each for each in findings.inputs if each.name == name]
    return of(found[0]) if found else None


def _gap(said: Said) -> Estimate | None:
    return said.gap.gap if said.gap else None


def _figure(name: str) -> Of:
    return lambda said: said.figures[name]


def _retrieved(name: Literal["top_1", "top_5", "rank"]) -> Of:
    return lambda said: getattr(said.retrieval, name) if said.retrieval else None
