"""The page holds everything itself, says plainly whether anything was read, and nothing that was not measured."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny import PROVENANCE
from tests.training.evaluate.conftest import World
from tests.training.evaluate.reader_world import DIM, brain_trials, linear_fit, linear_world, made_reading
from tests.training.evaluate.test_gan_report import _parsed
from training.evaluate.page import number
from training.evaluate.reader_categories import category_scores, confusion, one_hot
from training.evaluate.reader_components import component_correlations, component_scores
from training.evaluate.reader_curves import learning_curve, repeats_curve, time_resolved
from training.evaluate.reader_patterns import topography
from training.evaluate.reader_pictures import beside
from training.evaluate.reader_reading import cross_validated_reading
from training.evaluate.reader_report import ReaderReport, all_numbers, facts, lead, write_reader_report
from training.evaluate.reader_scores import PAIRWISE, identification_scores, score


@pytest.fixture(scope="module")
def report(world: World) -> ReaderReport:
    """A tiny reader with everything that a page can hold."""
    trials, targets = linear_world(120, repeats=2)
    rng = np.random.default_rng(0)
    latents = rng.normal(size=(60, 6)).astype(np.float32)  # of the tiny generator, whatever the reader's are
    images = dict(zip(trials.pictures, world.generate(latents), strict=False))
    trials = replace(trials, images=images, name="tiny <b>people</b>", notes=("One trial was left out.",))
    first, second = np.arange(60) % 60 < 30, np.arange(60) % 60 >= 30
    masks = [np.tile(each, 2) for each in (first, second)]
    folds = [(np.flatnonzero(masks[0]), np.flatnonzero(masks[1])), (np.flatnonzero(masks[1]), np.flatnonzero(masks[0]))]
    reading = cross_validated_reading(linear_fit, trials, targets, folds, held_out="other pictures")
    drawn = made_reading(np.tile(latents, (2, 1)), np.tile(latents, (2, 1)), pictures=trials.pictures)
    return ReaderReport(
        title="Reading <tiny> pictures",
        reader="least squares",
        trials=trials,
        reading=reading,
        findings=(*identification_scores(reading), *component_scores(reading)),
        splits="two halves",
        pictures=beside({"linear": (drawn, lambda z: np.repeat(world.generate(z), 3, axis=3))}, images, n_random=4),
        curves=(learning_curve(linear_fit, trials, targets, folds, n_seeds=2), repeats_curve(reading, n_seeds=2)),
        time_course=time_resolved(linear_fit, trials, targets, folds, width_s=0.01),
        stimulus_s=0.03,
        components=component_correlations(reading),
        topography=topography(linear_fit(trials.windows, targets, (), 0), trials, n_parts=1),
        notes=("A note of the script.",),
        recipe={"seed": 7},
        provenance=PROVENANCE,
    )


@pytest.fixture(scope="module")
def page(report: ReaderReport, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_reader_report(tmp_path_factory.mktemp("page") / "report.html", report).read_text()


def test_the_page_is_whole_and_self_contained(page: str) -> None:
    parsed = _parsed(page)
    assert parsed.headings[0] == "Reading <tiny> pictures"
    for heading in (
        "Who and what",
        "Scores",
        "Shown beside read",
        "When it can be read",
        "What more data would bring",
        "Which components of the latent are read",
        "Where on the head",
        "How it was made",
    ):
        assert heading in parsed.headings
    assert len(parsed.images) == (4 + 9) * 5
    for address in parsed.images:
        Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,")))).verify()
    assert all(link.startswith(("data:", "#")) for link in parsed.links)
    assert "tiny &lt;b&gt;people&lt;/b&gt;" in page
    for words in (
        "One trial was left out.",
        "A note of the script.",
        "two halves",
        "least squares",
        "&#34;seed&#34;: 7",
    ):
        assert words in page


def test_every_score_stands_on_the_page_with_its_controls(report: ReaderReport, page: str) -> None:
    rows = {row[0]: row for row in (re.findall(r"<td[^>]*>(.*?)</td>", line) for line in page.split("<tr>")) if row}
    for finding in report.findings:
        found, cells = finding.score, rows[finding.score.name]
        assert cells[1:7] == [
            f"<b>{number(found.value)}</b>",
            f"{number(found.low)} to {number(found.high)}",
            number(found.chance),
            number(found.noise_input),
            number(found.shuffled_pairing),
            f"{number(finding.dealt_low)} to {number(finding.dealt_high)}",
        ]
        assert cells[8:] == [str(found.n), "yes" if finding.shows_reading else "not shown"]


def test_a_true_reading_is_said_to_be_one(report: ReaderReport) -> None:
    words = lead(report.findings[0], report.reading)
    assert words.startswith("Of two test pictures, the one that was shown fits what was read better in ")
    assert "above chance and above the noise input and the shuffled pairing" in words
    assert "does not show" not in words


def test_nothing_read_is_said_plainly(report: ReaderReport, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    nothing = made_reading(rng.normal(size=(50, DIM)), rng.normal(size=(50, DIM)))
    found = score(PAIRWISE, nothing)
    words = lead(found, nothing)
    assert "This does not show that anything was read: it is within reach of chance" in words
    assert "something of what was shown was read" not in words
    other = write_reader_report(tmp_path / "r.html", replace(report, reading=nothing, findings=(found,))).read_text()
    assert 'class="lead no"' in other
    assert "not shown</td>" in other


def test_pictures_that_were_trained_on_are_told(report: ReaderReport) -> None:
    reading = replace(report.reading, seen=np.arange(len(report.reading)) < 3)
    assert "3 of 120 test trials showed a picture that was also shown in training" in lead(report.findings[0], reading)


def test_what_was_not_measured_has_no_place_on_the_page(report: ReaderReport, tmp_path: Path) -> None:
    bare = ReaderReport(
        title="bare", reader="r", trials=report.trials, reading=report.reading, findings=report.findings[:1], splits="s"
    )
    headings = _parsed(write_reader_report(tmp_path / "r.html", bare).read_text()).headings
    assert headings == ["bare", "Who and what", "Scores"]


def test_no_page_speaks_of_thoughts_and_all_say_what_pictures_are(page: str) -> None:
    words = re.sub(r'"data:[^"]*"', "", page)
    assert "thought" not in words.lower()
    assert "model output, an inference and not a photograph" in words
    assert "not a medical device" in words


def test_facts_tell_of_latency_delay_and_who(report: ReaderReport) -> None:
    spec = report.trials.preprocessing.design(("O1", "Oz", "O2"), 100.0, (1.0, 30.0))
    cut = report.trials.cut.model_copy(update={"latency_s": 0.021})
    subjects = tuple(f"s{each % 3}" for each in range(120))
    found = dict(facts(replace(report, trials=replace(report.trials, preprocessing=spec, cut=cut, subjects=subjects))))
    assert found["marker latency"].startswith("21 ms")
    assert found["filter delay"] == f"{1000 * spec.delay_s(10.0):.0f} ms at 10 Hz, causal"
    assert found["from"] == "3 subjects, 6 runs"
    assert found["pictures trained on"] == "shown in no test trial"
    unknown = dict(facts(replace(report, trials=replace(report.trials, pictures=("",) * 120))))
    assert unknown["pictures trained on"] == "not recorded"
    assert unknown["marker latency"] == "none: the onset is at the marker"
    assert found["trials"] == "120, of 60 different pictures"
    assert "filter delay" not in dict(facts(report))


def test_categories_have_their_confusions_on_the_page(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels, classes = tuple(rng.permutation(["cat", "dog", "<owl>"] * 20)), ("<owl>", "cat", "dog")
    target = one_hot(labels, classes)
    reading = made_reading(target, target + 0.5 * rng.normal(size=target.shape))
    trials = brain_trials(rng.normal(size=(60, 3, 1)), ("",) * 60, labels)
    made = ReaderReport(
        title="Categories",
        reader="least squares",
        trials=trials,
        reading=reading,
        findings=category_scores(reading, classes, n_deals=100),
        splits="by run",
        confusion=confusion(reading, classes),
    )
    page = write_reader_report(tmp_path / "r.html", made).read_text()
    assert "What was taken for what" in _parsed(page).headings
    assert "accuracy, 3-way" in page
    assert "Pairwise identification" not in page
    assert "<owl>" not in page


def test_findings_are_plain_numbers_too(report: ReaderReport) -> None:
    first = all_numbers(report.findings)[0]
    assert first["name"] == report.findings[0].score.name
    assert first["dealt"] == [report.findings[0].dealt_low, report.findings[0].dealt_high]
    assert 0 < first["p"] <= 1
