"""One HTML page about a model of EEG-to-text, with everything inside it: the verdict first, then what it rests on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bci_app.contract.manifest import Provenance
from bci_app.text.rows import FIGURES
from bci_app.text.scores import Estimate, in_words
from training.evaluate.page import percent, render
from training.evaluate.text_findings import Example, Said, TextFindings
from training.evaluate.text_inputs import NOISE, OTHER_SENTENCE, REAL
from training.evaluate.text_plots import Record, codes_svg, gaps_svg, training_svg
from training.run_folder import writing

_READS = {
    "word-features": "features of each word, computed elsewhere",
    "word-windows": "a window of EEG per word",
    "waves": "the EEG of the whole sentence, without word markers",
}
_POINTS = tuple(FIGURES)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TextReport:
    """What the page is about; what is None or empty has no place on it.

    Parameters
    ----------
    title : str
    model : str
        What reads, in words.
    findings : TextFindings
    splits : str
        How training, validation and test were parted, and what everything was chosen by, in words.
    sizes : mapping of str to int
        Weights of each part of the model.
    generation : str
        How text is generated, in words: greedy or beams, length, penalties.
    records : sequence of mapping
        See `training.evaluate.text_plots.Record`.
    notes : sequence of str
        Beyond those of the findings.
    recipe : mapping
        As resolved.
    provenance : Provenance, optional
    """

    title: str
    model: str
    findings: TextFindings
    splits: str
    sizes: Mapping[str, int]
    generation: str = ""
    records: Sequence[Record] = ()
    notes: Sequence[str] = ()
    recipe: Mapping[str, Any] | None = None
    provenance: Provenance | None = None


def write_text_report(path: Path, report: TextReport) -> Path:
    """Write the page.

    Raises
    ------
    DiskError
        If it cannot be written.
    """
    found = report.findings
    everything = (*found.inputs, *found.baselines)
    read, lead = found.verdict
    page = render(
        "text_report.html",
        report=report,
        found=found,
        written=datetime.now().isoformat(sep=" ", timespec="minutes"),
        read=read,
        lead=lead,
        beside=beside(found),
        gaps=gaps_svg([(each.name, each.gap.gap) for each in everything if each.gap]),
        examples=[(example, _lines(example)) for example in found.examples],
        everything=everything,
        points=_POINTS,
        retrieved=[each for each in found.inputs if each.retrieval],
        parts=gaps_svg(
            [("all", found.gap.gap)] + [(each.name, each.gap.gap) for each in (*found.by_task, *found.by_subject)]
        ),
        codes=codes_svg(found.codes),
        curves=training_svg(report.records),
        facts=facts(report),
        notes=(*found.notes, *report.notes),
        spread=spread,
        percent=percent,
        real=REAL,
        noise=NOISE,
        other=OTHER_SENTENCE,
        recipe_text=json.dumps(report.recipe, indent=1) if report.recipe else "",
    )
    with writing(path):
        path.write_text(page, "utf-8")
    return path


def beside(found: TextFindings) -> str:
    """What else is to be known beside the verdict: what length alone tells, and the bar that no EEG is needed for."""
    real, best = found.inputs[0], max(found.baselines, key=_bleu_1)
    gap = found.gap
    told = (
        f"What the number of steps alone tells is not counted; it is worth {in_words(gap.length)}. The best that can be said "
        f"without any signal ({best.name}) has a BLEU-1 of {_bleu_1(best):.1f}; the model, fed the EEG, {_bleu_1(real):.1f}."
    )
    if _bleu_1(best) >= _bleu_1(real):
        told += " By the score alone, nobody would need the EEG."
    if gap.n_joined:
        told += (
            f" {gap.n_joined:,} of {gap.n:,} rows were shuffled among sentences of nearly, not exactly, as many steps: too few "
            "had the same."
        )
    if gap.n_alone:
        told += f" {gap.n_alone:,} rows could only be dealt a sentence of another task or length: they do not count."
    return told


def _bleu_1(said: Said) -> float:
    return said.figures["BLEU-1"].value


def facts(report: TextReport) -> list[tuple[str, str]]:
    """Who and what: the rows of the table of facts."""
    found = report.findings
    rows = [
        ("data", found.data),
        ("what is read", _READS[found.reads]),
        ("test", f"{found.n_test:,} readings of {found.n_test_sentences:,} sentences"),
        ("training", f"{found.n_train:,} readings of {found.n_train_sentences:,} sentences"),
        ("subjects", _listed(found.subjects)),
        ("tasks", _listed(found.tasks)),
        ("held out", found.held_out),
        ("sentences trained on", f"in {found.n_seen or 'none'} of {found.n_test:,} test readings"),
        ("training and test", report.splits),
        ("model", report.model),
    ]
    if report.sizes:
        total = sum(report.sizes.values())
        rows.append(("weights", f"{total:,}: " + ", ".join(f"{name} {n:,}" for name, n in report.sizes.items())))
    if report.generation:
        rows.append(("generation", report.generation))
    return rows


def _listed(names: Sequence[str]) -> str:
    """The first dozen names, and how many there are."""
    return f"{len(names)}: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"


def spread(estimate: Estimate, scale: float = 1.0, digits: int = 1, sign: bool = False) -> tuple[str, str]:
    """A figure and its interval, as the tables show them."""
    form = f"{'+' if sign else ''}.{digits}f"
    ends = (estimate.value, estimate.low, estimate.high)
    value, low, high = (format(round(scale * each, digits) + 0.0, form) for each in ends)
    return value, f"{low} to {high}"


def _lines(example: Example) -> list[tuple[str, list[tuple[str, bool]]]]:
    """What was shown and said, word by word, each with whether it stands in the sentence shown."""
    said = {"shown": example.shown, "read": example.read, "from noise": example.noise}
    if example.other is not None:
        said["from another sentence's EEG"] = example.other
    return [(name, _marked(text, "" if name == "shown" else example.shown)) for name, text in said.items()]


def _marked(text: str, shown: str) -> list[tuple[str, bool]]:
    """Words with whether they stand in `shown`, each place there taken once; case and punctuation do not count."""
    left = Counter(_bare(word) for word in shown.split())
    found = []
    for word in text.split():
        hit = left[_bare(word)] > 0
        left[_bare(word)] -= hit
        found.append((word, hit))
    return found


def _bare(word: str) -> str:
    return "".join(each for each in word.casefold() if each.isalnum()) or word
