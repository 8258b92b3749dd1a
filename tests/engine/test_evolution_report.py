"""The page about an evolution: what it says is what was measured, beside pictures that nobody selected."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import RecordingError
from bci_app.engine.evolution_report import activation_plot, in_words, write_evolution_report
from bci_app.engine.evolution_settings import EvolutionSettings
from bci_app.engine.evolution_views import ActivationCurves, EvolutionSnapshot, MeanCurve, Member, OnsetRow

HOSTILE = "<script>alert('x')</script>"


def _flat(level: int) -> np.ndarray:
    return np.full((4, 4, 3), level, np.uint8)


def snapshot(n: int, sham: str = "off") -> EvolutionSnapshot:
    """An evolution with `n` scored generations: its pictures and averages are flat, each of another level."""
    mean = np.arange(n, dtype=float)
    empty = MeanCurve(*[np.full(n, np.nan)] * 3)
    curves = ActivationCurves(np.arange(n), MeanCurve(mean, mean - 1, mean + 1), empty, empty, mean + 2)
    return EvolutionSnapshot(
        generation=n,
        n_generations=40,
        response="Pz, 300 to 600 ms",
        unit="µV",
        members=(),
        best=Member("evolved/g001-m02/x", _flat(200), 12.345, 1, "evolved") if n else None,
        estimate=_flat(100) if n else None,
        averages=tuple(_flat(10 + index) for index in range(n)),
        curves=curves,
        onsets=OnsetRow(30, 2, 3, 1.5, 17.25, 1, 60.0),
        counts={},
        progress="",
        sham=sham,
    )


def summary(n: int, sham: str = "off") -> dict[str, Any]:
    """What is summed up of it."""
    gain = {
        "value": 4.5, "low": 2.25, "high": 6.75, "evolved": 5.5, "reference": 1.0, "n_evolved": 80, "n_reference": 4,
        "generations": 1,
    }  # fmt: skip
    return {
        "title": f"Evolving {HOSTILE}",
        "ended": "Stopped by the stop key.",
        "problems": [HOSTILE],
        "written": "2026-01-01T00:00:00+00:00",
        "watermark": "SIMULATED PARTICIPANT",
        "response": {"words": "Pz, 300 to 600 ms", "unit": "µV"},
        "generations": {"scored": n, "planned": 40},
        "sham": sham,
        "gain": {"natural": gain if n else None, "prior": None},
        "onsets": {
            "n": 30, "late": 2, "worst_frames": 3, "p50_ms": 1.5, "p99_ms": None, "never": 1, "refresh_hz": 60.0
        },
        "counts": {"shown": 30, "answered": 25, "rejected": 3, "missing": 2, "shown_again": 4},
        "stream": "SimEEG",
        "device": "CPU",
        "generator": {"name": "pictures64", "digest": "0123456789abcdef0123"},
        "references": ["shapes/disc/1", "shapes/cross/2"],
        "settings": EvolutionSettings().model_dump(mode="json"),
        "versions": {"python": "3.11"},
    }  # fmt: skip


def _write(folder: Path, n: int, sham: str = "off") -> str:
    return write_evolution_report(folder, summary(n, sham), snapshot(n, sham)).read_text("utf-8")


def _images(page: str) -> list[tuple[str, int]]:
    """What each picture of a page is called, and its level."""
    found = re.findall(r'<img alt="([^"]*)" src="data:image/png;base64,([^"]*)"', page)
    return [(name, int(np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))[0, 0, 0])) for name, data in found]


def _keep(folder: Path, *responses: tuple[str, str, float | None]) -> None:
    (folder / "pictures").mkdir()
    lines = [{"kind": kind, "id": name, "response": value} for kind, name, value in responses]
    (folder / "responses.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"cut')


def test_figures_stand_beside_references_with_intervals(tmp_path: Path) -> None:
    page = _write(tmp_path, 3)
    cells = re.findall(r"<td>(.*?)</td>", page.replace("\n", ""))
    at = cells.index("natural reference pictures")
    assert cells[at : at + 6] == ["natural reference pictures", "5.5", "1", "4.5", "2.25 to 6.75", "80 and 4"]
    for pair in (
        ["rejected as artefacts", "3"],
        ["without a response", "2"],
        ["delay p99, ms", "–"],
        ["delay p50, ms", "1.5"],
    ):
        assert cells[cells.index(pair[0]) : cells.index(pair[0]) + 2] == pair
    assert "2 of 30" in cells
    assert "above those to natural reference pictures (4.5 [2.25, 6.75] µV)" in page
    assert "not a medical device" in page
    assert "SIMULATED PARTICIPANT" in page


def test_nothing_of_a_name_or_a_message_is_read_as_html(tmp_path: Path) -> None:
    page = _write(tmp_path, 1)
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)  # nothing is fetched from anywhere


def test_best_pictures_stand_beside_the_best_references(tmp_path: Path) -> None:
    responses = [
        ("natural", "shapes/disc/1", 1.0),
        ("natural", "shapes/disc/1", 3.0),
        ("natural", "shapes/cross/2", 1.5),
    ]
    responses += [
        ("prior", "prior/g000-p00/a", -2.0),
        ("prior", "prior/g001-p01/b", 7.0),
        ("prior", "prior/g002-p00/c", None),
    ]
    _keep(tmp_path, *responses, ("evolved", "evolved/g000-m00/d", 99.0))
    for name, level in (("shapes_disc_1", 50), ("shapes_cross_2", 60), ("g000-p00", 70), ("g001-p01", 80)):
        Image.fromarray(_flat(level)).save(tmp_path / "pictures" / f"{name}.png")
    page = _write(tmp_path, 2)
    assert _images(page) == [
        ("Best evolved picture", 200),
        ("The optimiser&#39;s estimate", 100),
        ("Best natural picture", 50),
        ("Best of the prior", 80),
        ("average of generation 1", 10),
        ("average of generation 2", 11),
    ]
    assert "12.3 µV, one response; the highest of all, luck included" in page
    assert "2 [1, 3] µV, mean of 2 responses" in page
    assert "7 µV, one response" in page


def test_an_evolution_that_ended_at_once_has_a_report_too(tmp_path: Path) -> None:
    page = _write(tmp_path, 0)
    assert "No generation was scored" in page
    assert "<svg" not in page
    assert _images(page) == []


@pytest.mark.parametrize(("sham", "told"), [("on", "This was a sham"), ("blind", "sealed in sham.json"), ("off", "")])
def test_a_sham_is_told_and_a_blind_one_stays_sealed(tmp_path: Path, sham: str, told: str) -> None:
    (tmp_path / "sham.json").write_text('{"sham": true}')
    page = _write(tmp_path, 2, sham)
    assert told in page
    assert ("· SHAM ·" in page) is (sham == "on")
    assert ("This was a sham" in page) is (sham == "on")


def test_a_curve_that_was_not_measured_is_not_drawn() -> None:
    plot = activation_plot(snapshot(4).curves, "µV")
    assert plot.startswith("<svg")
    assert activation_plot(snapshot(0).curves, "µV") == ""


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(RecordingError, match="Free space"):
        _write(tmp_path, 1)


def test_intervals_are_of_several_responses_alone() -> None:
    assert in_words(np.array([2.0]), "", 3) == "2, mean of 3 responses"
    assert in_words(np.array([1.0, 1.0]), "µV", 2) == "1 [1, 1] µV, mean of 2 responses"
