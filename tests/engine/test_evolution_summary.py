"""What is said at the end: gains with their intervals, and no more than they allow."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_app.engine import evolution_presenter, evolution_summary
from bci_app.engine.evolution_closing import run_evolution_and_report
from bci_app.engine.evolution_history import GenerationResult
from bci_app.engine.evolution_session import EvolutionSession
from bci_app.engine.evolution_settings import UnitResponse
from bci_app.engine.evolution_summary import evolution_verdict, gain, last_quarter
from bci_app.engine.evolution_views import Member
from bci_app.inference.generator import Generator
from tests.engine.test_evolution_session import Viewer, new_plan

BLACK = np.zeros((2, 2, 3), np.uint8)


def result(generation: int, evolved: list[float], natural: dict[str, float], prior: list[float]) -> GenerationResult:
    champion = Member("x", BLACK, float(np.nanmax(evolved)), 1, "evolved")
    return GenerationResult(generation, np.array(evolved), natural, np.array(prior), champion, BLACK)


def test_the_last_quarter_is_rounded_up() -> None:
    results = [result(g, [0.0], {}, []) for g in range(9)]
    assert [each.generation for each in last_quarter(results)] == [6, 7, 8]
    assert [each.generation for each in last_quarter(results[:1])] == [0]
    assert last_quarter([]) == []


def test_a_gain_is_the_difference_of_means_in_the_last_quarter_with_missing_ones_left_out() -> None:
    early = result(0, [100.0, 100.0], {"a": -100.0}, [-100.0])
    late = [
        result(1, [4.0, np.nan], {"a": 1.0, "b": np.nan}, [0.0]),
        result(2, [6.0, 8.0], {"a": 3.0, "b": 5.0}, [np.nan]),
    ]
    found = gain([early] * 4 + late, "natural")
    assert found is not None
    assert (found["evolved"], found["reference"]) == (6.0, pytest.approx((2.0 + 5.0) / 2))
    assert found["value"] == pytest.approx(2.5)
    assert (found["n_evolved"], found["n_reference"], found["generations"]) == (3, 2, 2)
    other = gain([early] * 4 + late, "prior")
    assert other is not None
    assert (other["value"], other["low"], other["n_reference"]) == (6.0, None, 1)
    assert gain([result(0, [1.0], {}, [])], "natural") is None


def test_the_interval_of_a_gain_covers_the_truth_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evolution_summary, "_DRAWS", 400)
    rng, hits = np.random.default_rng(0), 0
    for _ in range(200):
        one = result(0, list(rng.normal(1.0, 1.0, 40)), {str(i): x for i, x in enumerate(rng.normal(0, 1, 40))}, [])
        found = gain([one], "natural")
        assert found is not None
        hits += found["low"] <= 1.0 <= found["high"]
    assert 0.89 < hits / 200 < 0.99


def verdict_of(low: float, high: float, sham: str = "off") -> str:
    found = {"value": (low + high) / 2, "low": low, "high": high, "generations": 3}
    summary = {"gain": {"natural": found, "prior": None}, "sham": sham, "generations": {"scored": 9},
               "response": {"unit": "µV"}}  # fmt: skip
    return evolution_verdict(summary)


def test_the_verdict_says_what_the_interval_allows_and_no_more() -> None:
    assert "were above those to natural reference pictures (2 [1, 3] µV)" in verdict_of(1, 3)
    assert "were not different from those" in verdict_of(-1, 3)
    assert "were below those" in verdict_of(-3, -1)
    assert "This was a sham" in verdict_of(1, 3, "on")
    assert "sealed in sham.json" in verdict_of(1, 3, "blind")
    assert "the last 3 generations" in verdict_of(1, 3)


def watched(session: EvolutionSession) -> int:
    """Watch it to its end."""
    with Viewer(session) as viewer:
        assert viewer.over.wait(10.0)
    return 0


@pytest.mark.parametrize("sham", ["off", "blind"])
def test_a_run_is_summed_up_in_its_folder_and_a_blind_one_stays_blind(
    tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch, sham: str
) -> None:
    monkeypatch.setattr(evolution_presenter, "_READY_S", 0.01)
    done = run_evolution_and_report(new_plan(generator, UnitResponse(), tmp_path, sham=sham), watched)
    summary: dict[str, Any] = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert (done.failed, summary["failed"], summary["sham"]) == (False, False, sham)
    assert summary["generations"] == {"scored": 2, "planned": 2}
    assert summary["counts"]["shown"] == summary["onsets"]["n"] == 12
    assert summary["curves"]["generations"] == [0, 1]
    assert summary["curves"]["natural"]["low"] == [None, None]
    assert summary["gain"]["natural"]["generations"] == 1
    assert summary["generator"]["digest"] == generator.bundle.digest
    assert "All 2 generations were scored." in done.paragraph
    told = json.dumps({key: value for key, value in summary.items() if key != "settings"}) + done.paragraph
    assert ("sham" in json.loads((tmp_path / "sham.json").read_text("utf-8"))) if sham == "blind" else True
    assert "was a sham: " not in told


def test_a_disk_that_is_full_to_the_end_is_told_once(
    tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evolution_presenter, "_READY_S", 0.01)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def show(session: EvolutionSession) -> int:
        monkeypatch.setattr(os, "replace", full)
        return watched(session)

    done = run_evolution_and_report(new_plan(generator, UnitResponse(), tmp_path), show)
    assert done.failed
    assert "g0001.npz'; writing failed: No space left" in done.reason
    assert done.report == tmp_path
    assert not (tmp_path / "summary.json").exists()
