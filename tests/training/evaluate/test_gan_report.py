"""The page holds everything itself and says what was measured, and nothing that was not."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import SettingsError
from tests.benchmarks import bench_gan_cost
from tests.training.evaluate.conftest import DIM, World
from training.evaluate.curves import MOST_POINTS, curves_svg, read_log
from training.evaluate.gan_report import Cost, read_costs, write_gan_report
from training.evaluate.gan_scores import Amounts, GanScores, evaluate_gan
from training.evaluate.page import number

AMOUNTS = Amounts(samples=60, identified=30, copies=30, diversity=40, resamples=2, probe=100)


class _Page(HTMLParser):
    """Headings, words and pictures; fails on tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.images: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "img":
            self.images.append(given["src"] or "")
        self.links += [given[name] or "" for name in ("href", "src") if name in given]
        if tag not in ("img", "meta", "br", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append(data)


def _parsed(page: str) -> _Page:
    parser = _Page()
    parser.feed(page)
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    lines = [{"step": step, "discriminator": 1.4, "generator": 0.7, "accuracy_real": 0.8} for step in range(1, 41)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 41, "gen')
    recipe = {"name": "tiny <gan>", "network": {"kind": "bigbigan"}, "updates": {"steps": 41}}
    (folder / "recipe.json").write_text(json.dumps(recipe))
    origin = {"commit": "0123456789abcdef+changes", "command": "python -m training.train_gan x", "seed": 7}
    (folder / "origin.json").write_text(json.dumps(origin))
    return folder


@pytest.fixture(scope="module")
def scores(world: World) -> GanScores:
    return evaluate_gan(
        world.generate, world.encode, world.split, world.space, DIM, np.random.default_rng(0), amounts=AMOUNTS
    )


@pytest.fixture(scope="module")
def page(scores: GanScores, run: Path) -> str:
    return write_gan_report(run / "report.html", scores, run, [Cost(64, 32, 2, 512.0, 1.953)]).read_text()


def test_the_page_is_whole_and_self_contained(page: str) -> None:
    parsed = _parsed(page)
    assert parsed.headings[0] == "GAN: tiny <gan>"
    for heading in ("Samples", "Reconstructions", "Truncation", "Training", "What training costs"):
        assert heading in parsed.headings
    assert len(parsed.images) == 7
    for address in parsed.images:
        Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,")))).verify()
    assert all(link.startswith(("data:", "#")) for link in parsed.links)
    assert "seed 7" in page
    assert "0123456789ab+changes" in page
    assert "bigbigan" in page


def test_every_score_stands_on_the_page_with_its_controls(scores: GanScores, page: str) -> None:
    rows = {row[0]: row for row in (re.findall(r"<td[^>]*>(.*?)</td>", line) for line in page.split("<tr>")) if row}
    for row in (*scores.samples, *scores.reconstructions):
        cells = rows[row.name]
        assert cells[1] == f"<b>{number(row.value)}</b>"
        for control in (row.real, row.noise, row.shuffled, row.chance):
            assert number(control) in cells
        assert cells[-1] == f"{row.n:,}"
    for probe in scores.probes:
        assert number(probe.accuracy) in "".join(rows[probe.name])


def test_a_page_without_encoder_or_log_says_nothing_about_them(world: World, tmp_path: Path) -> None:
    found = evaluate_gan(world.generate, None, world.split, world.space, DIM, np.random.default_rng(0), amounts=AMOUNTS)
    headings = _parsed(write_gan_report(tmp_path / "r.html", found, tmp_path).read_text()).headings
    assert "Samples" in headings
    assert not {"Reconstructions", "Have the codes collapsed?", "Training", "What training costs"} & set(headings)


def test_the_name_fid_is_kept_for_inception(page: str) -> None:
    words = re.sub(r'"data:[^"]*"', "", page)
    assert words.count("FID") == words.count("never with a published FID") == 1


def test_the_page_says_what_kind_of_space_it_is_and_what_is_to_be_known_of_it(
    scores: GanScores, page: str, tmp_path: Path
) -> None:
    assert "a classifier of our own" not in page, "the true latents are none"
    assert "clips" not in page
    noted = replace(scores, learned=True, space_notes=("It may have <seen> them.",), clipped=1.5)
    other = write_gan_report(tmp_path / "r.html", noted, tmp_path).read_text()
    assert "in the features of a classifier of our own" in other
    assert "learnt on such pictures" in other
    assert "It may have &lt;seen&gt; them." in other
    assert "components beyond 1.5 become 1.5" in other


def test_costs_are_read_as_the_benchmark_writes_them_and_damage_leaves_them_out(
    scores: GanScores, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "gan_cost.json"
    assert read_costs(path) == ()
    row = bench_gan_cost.cost(32, 64, 2, {"seconds": 0.125, "peak_gib": 0.75})
    path.write_text(json.dumps({"measured": "2026-03-01T10:00:00+00:00", "details": {"costs": [row]}}))
    costs = read_costs(path)
    assert costs == (Cost(64, 32, 2, 512.0, 1000 / 512, 0.75, measured="2026-03-01"),)
    page = write_gan_report(tmp_path / "r.html", scores, tmp_path, costs).read_text()
    assert "Measured 2026-03-01." in page
    assert "<td>0.750</td>" in page
    for damaged in ("{", "[]", '{"measured": "x", "details": {"costs": [{"speed": 1}]}}'):
        path.write_text(damaged)
        assert read_costs(path) == ()
    assert caplog.text.count("no table of costs") == 3


def test_a_log_is_read_by_name_and_averaged_down(tmp_path: Path) -> None:
    lines = [{"step": step, "generator": float(step), "warning": "W"} if step == 5 else
             {"step": step, "generator": float(step), "bad": float("nan")} for step in range(1, 1201)]  # fmt: skip
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 12')
    log = read_log(path)
    steps, values = log.curves["generator"]
    assert len(steps) == MOST_POINTS
    np.testing.assert_allclose(values, np.arange(1, 1201).reshape(MOST_POINTS, 4).mean(axis=1))
    np.testing.assert_array_equal(steps, values)
    assert (set(log.curves), log.warnings) == ({"generator"}, ("Step 5: W",))
    assert curves_svg(log).startswith("<svg")
    assert curves_svg(read_log(tmp_path / "none.jsonl")) == ""


def test_a_broken_line_in_the_middle_of_a_log_is_said(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 1}\nxx\n{"step": 2}\n')
    with pytest.raises(SettingsError, match="line 2 is not"):
        read_log(tmp_path / "log.jsonl")
