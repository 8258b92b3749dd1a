"""What a model reads from signals it was not trained on, beside everything it could say without reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from bci_app.contract.errors import SettingsError
from bci_app.text.rows import FIGURES, ROUGE_F, row_statistics
from bci_app.text.scores import Estimate, Gap, matched_minus_shuffled, not_alone, numbered, resampled
from bci_app.text.strata import LEAST, Indices, strata
from training.data.readings import Readings
from training.evaluate.text_codes import CodeUse, code_use
from training.evaluate.text_findings import Example, Part, Said, TextFindings
from training.evaluate.text_inputs import (
    NOISE,
    OTHER_SENTENCE,
    REAL,
    Given,
    best_constant,
    chosen,
    five_inputs,
    most_frequent,
    of_that_length,
    signals_of,
)
from training.evaluate.text_kinds import kinds, told_of_kinds
from training.evaluate.text_reading import TextReader
from training.evaluate.text_retrieval import Doubles, Retrieval, candidates, cosines, retrieval

OnProgress = Callable[[int, int, str], None]
TRAINED_ON_NOISE = "model trained on noise"
CONSTANT, FREQUENT, OF_THAT_LENGTH, ALONE = (
    "best constant sentence",
    "most frequent training sentence",
    "a training sentence of that length",
    "language model alone",
)
N_EXAMPLES = 8
_MOST_FOR_CODES = 2000


def score_text(
    model: TextReader,
    train: Readings,
    test: Readings,
    *,
    noise_model: TextReader | None = None,
    held_out: str = "sentences",
    seed: int = 0,
    progress: OnProgress | None = None,
) -> TextFindings:
    """Let the model read the test signals, others', noise and zeros, and score all of it in the same way.

    Parameters
    ----------
    model : TextReader
    train, test : Readings
        What it was trained on, which gives noise and baselines, and what it is scored on.
    noise_model : TextReader, optional
        The same model trained on noise in place of every training signal.
    held_out : str
        What was kept out of training, in words.
    seed : int
        For everything that is drawn.
    progress : callable, optional
        Called with (done, total, text).

    Raises
    ------
    SettingsError
        If a side is empty, the two are not of one kind, or no task of the test readings has two sentences of about one length.
    """
    _check(train, test)
    given, missing = _given(train, test, seed)
    twice = [each for each in given if each.name in (REAL, NOISE)]
    steps = _Steps(progress, len(given) + len(twice) * (noise_model is not None) + 3)
    scorer = _Scorer(model, test, seed)
    answers = _answers(model, given, steps)
    inputs = [scorer.answered(each.name, model, answers[each.name], each) for each in given]
    if noise_model is not None:
        texts = _answers(noise_model, twice, steps, f"{TRAINED_ON_NOISE}, given ")
        inputs += [
            scorer.answered(f"{TRAINED_ON_NOISE}, given {each.name}", noise_model, texts[each.name], each)
            for each in twice
        ]
    steps.tell("what can be said without any signal")
    without = _without_signal(model, train, test, seed)
    steps.tell("teacher forcing")
    forced = {each.name: scorer.bleu_1(model.teacher_forced(each.signals, scorer.shown)) for each in twice}
    steps.tell("use of codes")
    codes, known = _codes(model, train, test, seed), set(train.keys)
    steps.tell("scored")
    return TextFindings(
        data=test.name,
        reads=test.reads,
        n_train=len(train),
        n_test=len(test),
        n_train_sentences=len(known),
        n_test_sentences=len(set(test.keys)),
        n_seen=sum(key in known for key in test.keys),
        subjects=tuple(dict.fromkeys(item.subject for item in test.items)),
        tasks=tuple(dict.fromkeys(scorer.tasks)),
        held_out=held_out,
        inputs=tuple(inputs),
        baselines=tuple(scorer.said(name, texts) for name, texts in without.items()),
        best_constant=without[CONSTANT][0],
        teacher_forced=forced,
        codes=codes,
        by_task=scorer.parts(answers[REAL], scorer.tasks),
        by_subject=scorer.parts(answers[REAL], [item.subject for item in test.items]),
        examples=_examples(test, given, answers, seed),
        notes=(*missing, *dict.fromkeys(train.notes + test.notes)),
    )


def _check(train: Readings, test: Readings) -> None:
    if not len(train) or not len(test) or (train.reads, train.rows) != (test.reads, test.rows):
        raise SettingsError(
            f"Training and test readings must be of one kind and not be empty; got {len(train)} of {train.reads} with "
            f"{len(train.rows)} rows and {len(test)} of {test.reads} with {len(test.rows)}."
        )
    if not not_alone(test.keys, kinds(test), test.n_steps, LEAST[test.reads]):
        raise SettingsError(
            "Test readings must hold two sentences of one task and of about the same length, to be dealt to one another; the "
            f"{len(test)} of '{test.name}' do not. Hold out more sentences."
        )


def _given(train: Readings, test: Readings, seed: int) -> tuple[list[Given], list[str]]:
    """The inputs that there are, and what is to be said of those that some or all rows have not."""
    every = five_inputs(train, test, seed)
    notes = [f"{each.name[:1].upper()}{each.name[1:]}: {each.note}" for each in every if each.note]
    return [each for each in every if len(each.rows)], [told for told in (told_of_kinds(test), *notes) if told]


def _answers(reader: TextReader, given: Sequence[Given], steps: _Steps, prefix: str = "") -> dict[str, list[str]]:
    """What `reader` generates, by input."""
    found = {}
    for each in given:
        steps.tell(prefix + each.name)
        found[each.name] = reader.generate(each.signals)
    return found


def _without_signal(model: TextReader, train: Readings, test: Readings, seed: int) -> dict[str, list[str]]:
    """What can be said to each test row without any signal, by name."""
    return {
        CONSTANT: [best_constant(train)] * len(test),
        FREQUENT: [most_frequent(train)] * len(test),
        OF_THAT_LENGTH: of_that_length(train, test, seed),
        ALONE: model.language_alone(len(test), seed),
    }


def _codes(model: TextReader, train: Readings, test: Readings, seed: int) -> tuple[CodeUse, ...]:
    """Of at most `_MOST_FOR_CODES` training readings, drawn, and of the test readings."""
    drawn = chosen(len(train), _MOST_FOR_CODES, seed)
    signals = {"training": signals_of(train, drawn), "test": signals_of(test, np.arange(len(test)))}
    return tuple(code_use(name, model.codes(each), model.n_codes) for name, each in signals.items())


def _examples(test: Readings, given: Sequence[Given], answers: dict[str, list[str]], seed: int) -> tuple[Example, ...]:
    """Rows of different sentences that were drawn, then the best and the worst of all."""
    said = {each.name: dict(zip(each.rows.tolist(), answers[each.name], strict=True)) for each in given}
    rouge = row_statistics(answers[REAL], [item.sentence for item in test.items])[:, ROUGE_F]
    order = np.random.default_rng((seed, 7)).permutation(len(test))
    first = {test.items[row].key: int(row) for row in reversed(order)}
    drawn = [row for row in order if first[test.items[row].key] == row][:N_EXAMPLES]
    places = [("drawn at random", int(row)) for row in drawn]
    places += [("the best", int(rouge.argmax())), ("the worst", int(rouge.argmin()))]
    return tuple(
        Example(
            why=why,
            subject=test.items[row].subject,
            task=test.items[row].task,
            shown=test.items[row].sentence,
            read=said[REAL][row],
            noise=said[NOISE][row],
            other=said.get(OTHER_SENTENCE, {}).get(row),
            rouge=100 * float(rouge[row]),
        )
        for why, row in places
    )


class _Steps:
    """Tells how far it is."""

    def __init__(self, progress: OnProgress | None, total: int) -> None:
        self._progress, self._total, self._done = progress or (lambda *_: None), total, 0

    def tell(self, text: str) -> None:
        self._progress(self._done, self._total, text)
        self._done += 1


class _Scorer:
    """Scores texts against what was shown in the test rows."""

    def __init__(self, model: TextReader, test: Readings, seed: int) -> None:
        self.shown = [item.sentence for item in test.items]
        self.tasks = [item.task for item in test.items]
        self._keys, self._kinds, self._n_steps, self._least = test.keys, kinds(test), test.n_steps, LEAST[test.reads]
        self._model, self._seed = model, seed
        self._all = np.arange(len(test))
        self._vectors = model.word_vectors(self.shown)
        self._candidates = candidates(test, seed=seed)

    def said(self, name: str, texts: Sequence[str], given: Given | None = None, found: Retrieval | None = None) -> Said:
        """Everything about `texts`, said to `given`, or without any signal to all rows."""
        rows = self._all if given is None else given.rows
        n_steps = self._n_steps if given is None else given.n_steps
        sums = row_statistics(texts, [self.shown[row] for row in rows])
        groups = numbered([self._keys[row] for row in rows])[1]
        likeness = cosines(self._model.word_vectors(texts), self._vectors[rows])
        own = np.column_stack([likeness.diagonal(), np.ones(len(rows))])
        shuffled = None if name == OTHER_SENTENCE else self._shuffled(likeness, rows, groups, n_steps)
        text, times = Counter(texts).most_common(1)[0]
        return Said(
            name=name,
            n=len(rows),
            n_distinct=len(set(texts)),
            n_words=float(np.mean([len(each.split()) for each in texts])),
            most_common=text,
            most_common_share=times / len(rows),
            figures={key: resampled(sums, groups, figure, seed=self._seed) for key, figure in FIGURES.items()},
            similarity=resampled(own, groups, lambda total: total[..., 0] / total[..., 1], seed=self._seed),
            similarity_shuffled=None if shuffled is None else shuffled[0],
            similarity_gap=None if shuffled is None else shuffled[1],
            gap=None if name == OTHER_SENTENCE else self._gap(texts, rows, n_steps),
            retrieval=found,
            note=given.note if given else "",
        )

    def answered(self, name: str, reader: TextReader, texts: Sequence[str], given: Given) -> Said:
        """Everything about what `reader` generated, retrieval by its own embeddings included."""
        embedded = reader.embed_signals(given.signals)
        sentences = reader.embed_sentences(self._candidates.sentences)
        found = retrieval(embedded, sentences, self._candidates, given.rows, self._seed)
        return self.said(name, texts, given, found)

    def bleu_1(self, texts: Sequence[str]) -> Estimate:
        """Of texts for all rows."""
        groups = numbered(self._keys)[1]
        return resampled(row_statistics(texts, self.shown), groups, FIGURES["BLEU-1"], seed=self._seed)

    def parts(self, texts: Sequence[str], labels: Sequence[str]) -> tuple[Part, ...]:
        """Matched minus shuffled within each label, where it has two sentences that may be dealt to one another."""
        rows = {label: [row for row, each in enumerate(labels) if each == label] for label in dict.fromkeys(labels)}
        found = {
            label: self._gap([texts[row] for row in each], each, [self._n_steps[row] for row in each])
            for label, each in rows.items()
        }
        return tuple(Part(label, gap) for label, gap in found.items() if gap is not None)

    def _gap(self, texts: Sequence[str], rows: Indices | Sequence[int], n_steps: Sequence[int]) -> Gap | None:
        shown, of_kind, keys = ([column[row] for row in rows] for column in (self.shown, self._kinds, self._keys))
        if not not_alone(keys, of_kind, n_steps, self._least):
            return None
        return matched_minus_shuffled(texts, shown, of_kind, n_steps, at_least=self._least, seed=self._seed)

    def _shuffled(
        self, likeness: Doubles, rows: Indices, groups: Indices, n_steps: Sequence[int]
    ) -> tuple[float, Estimate] | None:
        """Mean likeness (n, n) with other sentences of the same stratum, and how much more it is with a row's own."""
        sums = np.zeros((len(rows), 3))
        of_kind = [self._kinds[row] for row in rows]
        for each in strata([str(key) for key in groups], of_kind, n_steps, self._least):
            other = groups[each.rows][:, np.newaxis] != groups[each.rows]
            n_others = np.maximum(other.sum(axis=1), 1)
            sums[each.rows, 0] = (likeness[np.ix_(each.rows, each.rows)] * other).sum(axis=1) / n_others
            sums[each.rows, 2] = other.any(axis=1)
        if not sums[:, 2].any():
            return None
        sums[:, 1] = (likeness.diagonal() - sums[:, 0]) * sums[:, 2]
        return float(sums[:, 0].sum() / sums[:, 2].sum()), resampled(sums, groups, _own_less_others, seed=self._seed)


def _own_less_others(sums: Doubles) -> Doubles:
    return np.asarray(sums[..., 1] / np.maximum(sums[..., 2], 1))
