"""The page says first whether anything was read, holds everything itself, and shows no figure without its controls."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from bci_app.text.scores import Estimate
from tests.tiny import PROVENANCE
from tests.training.evaluate.test_gan_report import _parsed
from tests.training.evaluate.text_world import TellingReader, word_readings
from training.evaluate.text_inputs import NOISE, OTHER_SENTENCE, REAL
from training.evaluate.text_plots import codes_svg, training_svg
from training.evaluate.text_report import TextReport, _marked, beside, facts, spread, write_text_report
from training.evaluate.text_scores import score_text

RECORDS = (
    {"part": "language", "step": 100, "loss": 3.0, "validation_loss": 3.2},
    {"part": "language", "step": 200, "loss": 2.0, "validation_loss": float("nan")},
    {"part": "tuned", "epoch": 1, "step": 7, "tokens": 2.0, "validation_tokens": 2.5, "code_share": 0.5},
    {"part": "tuned", "epoch": 2, "step": 14, "tokens": 1.5, "validation_tokens": 2.4, "code_share": 0.6},
)


def report_of(reads: str) -> TextReport:
    train, test = (
        word_readings(30, seed=2),
        replace(word_readings(30, seed=1), name="tiny <b>people</b>", notes=("A note.",)),
    )
    noise_model = TellingReader("nothing") if reads == "all" else None
    return TextReport(
        title="Reading <tiny> sentences",
        model="a table of words",
        findings=score_text(TellingReader(reads), train, test, noise_model=noise_model, held_out="other sentences"),
        splits="by sentence",
        sizes={"encoder": 1200, "language model": 34000},
        generation="greedy",
        records=RECORDS,
        notes=("Another note.",),
        recipe={"seed": 7},
        provenance=PROVENANCE,
    )


@pytest.fixture(scope="module")
def report() -> TextReport:
    return report_of("all")


@pytest.fixture(scope="module")
def page(report: TextReport, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_text_report(tmp_path_factory.mktemp("page") / "report.html", report).read_text()


def test_the_page_is_whole_and_self_contained(page: str) -> None:
    parsed = _parsed(page)
    assert parsed.headings == [
        "Reading <tiny> sentences",
        "Table of controls",
        "What was read",
        "Read or guessed",
        "What was said",
        "Which sentence it was",
        "By task and subject",
        "Use of the codex",
        "Training",
        "Teacher-forced, inflated, not a reading",
        "Who and what",
        "How it was made",
    ]
    assert all(link.startswith(("data:", "#")) for link in parsed.links)
    assert "tiny &lt;b&gt;people&lt;/b&gt;" in page
    for words in ("A note.", "Another note.", "by sentence", "a table of words", "other sentences", "greedy", "35,200"):
        assert words in page
    assert "not a medical device" in page
    assert "thought" not in page.lower()


def test_the_verdict_comes_first(report: TextReport, page: str, tmp_path: Path) -> None:
    assert page.index(report.findings.verdict[1][:40]) < page.index("What was read")
    assert 'class="lead"' in page
    nothing = report_of("nothing")
    other = write_text_report(tmp_path / "r.html", nothing).read_text()
    assert 'class="lead no">No EEG information was detected.' in other
    assert "Text was read" not in other


def test_every_input_stands_with_its_figures(report: TextReport, page: str) -> None:
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", line) for line in unescape(page).split("<tr")]
    for said in (*report.findings.inputs, *report.findings.baselines):
        own = [row for row in rows if row and row[0] == said.name]
        (controls,) = [row for row in own if len(row) == 13]
        similarity, ratio = said.similarity_gap, said.retrieval.ratio if said.retrieval else None
        for place, estimate, digits, sign in (
            (1, said.gap and said.gap.gap, 1, True),
            (2, said.figures["BLEU-1"], 1, False),
            (11, similarity, 2, True),
            (12, ratio, 1, False),
        ):
            told = spread(estimate, 1.0, digits, sign) if estimate else ("–",)
            assert all(each in controls[place] for each in told)
        if said.gap:
            value, interval = spread(said.gap.gap, sign=True)
            assert any(row[4].startswith(value) and interval in row[4] for row in own if len(row) == 8)
        assert any(f"{said.n_distinct:,} of {said.n:,}" == row[1] for row in own)


def test_only_the_eeg_of_another_sentence_is_called_a_shuffle(report: TextReport, page: str, tmp_path: Path) -> None:
    assert page.count("itself one of the shuffles") == 1
    assert "may be dealt to one another" not in page
    found = report.findings
    lone = replace(found.inputs[2], gap=None, similarity_gap=None)
    findings = replace(found, inputs=(*found.inputs[:2], lone, *found.inputs[3:]))
    other = write_text_report(tmp_path / "r.html", replace(report, findings=findings)).read_text()
    assert other.count("itself one of the shuffles") == other.count("may be dealt to one another") == 1


def test_teacher_forcing_is_on_the_page_once_and_labelled(page: str) -> None:
    assert len(re.findall(r"Teacher-forced BLEU-1 is", page)) == 1
    assert "inflated, not a reading" in page


def test_examples_show_what_was_read_beside_noise(report: TextReport, page: str) -> None:
    assert page.count('class="example"') == len(report.findings.examples) == 10
    for name in ("shown", "read", "from noise", "from another sentence&#39;s EEG"):
        lacking = sum(each.other is None for each in report.findings.examples) if name.startswith("from another") else 0
        assert page.count(f"<td>{name}</td>") == 10 - lacking


def test_words_are_marked_as_often_as_they_were_shown() -> None:
    assert _marked("The the cat, sat.", "the CAT the") == [
        ("The", True),
        ("the", True),
        ("cat,", True),
        ("sat.", False),
    ]
    assert _marked("a a", "a") == [("a", True), ("a", False)]
    assert _marked("", "a") == []


def test_what_needs_no_eeg_is_told(report: TextReport) -> None:
    assert "nobody would need the EEG" not in beside(report.findings)
    best = report.findings.baselines[0]
    assert f"({best.name}) has a BLEU-1 of" in beside(report.findings)
    better = replace(best, figures={**best.figures, "BLEU-1": Estimate(100.0, 100.0, 100.0)})
    told = beside(replace(report.findings, baselines=(better,)))
    assert "By the score alone, nobody would need the EEG." in told


def test_facts_tell_who_was_read(report: TextReport) -> None:
    found = dict(facts(report))
    assert found["test"] == "60 readings of 30 sentences"
    assert found["subjects"] == "2: s0, s1"
    assert found["weights"] == "35,200: encoder 1,200, language model 34,000"
    assert found["sentences trained on"] == "in none of 60 test readings"


def test_curves_have_a_panel_for_each_part() -> None:
    drawn = training_svg(RECORDS)
    assert "<svg" in drawn
    assert training_svg([]) == ""
    assert training_svg(RECORDS[:2]) != training_svg(RECORDS[2:])


def test_an_unused_codex_can_be_drawn(report: TextReport) -> None:
    empty = replace(report.findings.codes[0], counts=(), n_states=0)
    assert "<svg" in codes_svg([empty])


def test_names_of_the_inputs_are_those_of_the_page(page: str) -> None:
    for name in (REAL, NOISE, OTHER_SENTENCE.replace("'", "&#39;")):
        assert f"<td>{name}</td>" in page
