from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_app.engine.evolution_demo import DEMO, EvolutionDemoSettings
from bci_app.engine.evolution_plan import EvolutionPlan
from bci_app.engine.evolution_responder import open_responder
from bci_app.engine.evolution_truth import counterparts, keep_truth, measures, single_trial, truth_paragraph
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import make_picture
from bci_app.pictures.source import builtin
from bci_app.simulation.settings import ParticipantSettings, PreferenceSettings

PICTURES = builtin().sample(np.random.default_rng(5), 30)


def test_a_picture_is_like_itself_and_unlike_its_negative() -> None:
    hidden = PICTURES[0]
    negative = make_picture(255 - hidden.image, "negative", "negative")
    for similarity in measures(hidden).values():
        assert similarity(hidden) == pytest.approx(1.0)
        assert all(similarity(other) < 1.0 for other in PICTURES[1:])
    assert measures(hidden)["pixels"](negative) == pytest.approx(-1.0)


def test_pixels_are_compared_at_the_size_of_the_hidden_picture() -> None:
    small, large = (builtin(("shapes",)).sample(np.random.default_rng(2), 1, size)[0] for size in (32, 128))
    assert measures(small)["pixels"](large) > 0.95


def test_a_single_trial_tells_more_in_proportion_to_the_size_of_the_response(generator: Generator) -> None:
    response = EvolutionDemoSettings().evolution.response
    plan = EvolutionPlan(
        EvolutionDemoSettings().evolution, "single trial", generator, open_responder(response, generator)
    )
    found = {}
    for amplitude in (0.0, 10.0, 30.0):
        preference = PreferenceSettings(amplitude_uv=amplitude, variability=0.0)
        found[amplitude] = single_trial(plan, ParticipantSettings(n_channels=16, preference=preference), PICTURES)
    added = {amplitude: each["size"] - found[0.0]["size"] for amplitude, each in found.items()}
    assert added[10.0] > 1.0
    assert added[30.0] == pytest.approx(3 * added[10.0], rel=1e-3)
    for each in found.values():
        assert each["snr"] == pytest.approx(each["size"] / each["spread"])


def figures(estimate: float) -> dict[str, Any]:
    group = {"value": 0.1, "low": 0.0, "high": 0.2}
    return {"estimate": estimate, "chance": 0.015, "evolved": group, "natural": None, "prior": group}


def truth(sham: bool, estimate: float) -> dict[str, Any]:
    return {
        "single_trial": {"size": 5.0, "spread": 10.0, "snr": 0.5},
        "hidden": "shapes/red-x/0123456789ab",
        "sham": sham,
        "generations": 25,
        "features": figures(estimate),
        "pixels": figures(estimate / 2),
    }


def keep(folder: Path, seed: int, sham: bool, estimate: float) -> Path:
    folder.mkdir()
    evolution = EvolutionDemoSettings().evolution.model_copy(update={"seed": seed, "sham": "on" if sham else "off"})
    settings = EvolutionDemoSettings(evolution=evolution)
    (folder / DEMO).write_text(settings.model_dump_json())
    keep_truth(folder, truth(sham, estimate))
    return folder


def test_a_run_finds_its_sham_beside_it_and_no_other(tmp_path: Path) -> None:
    real = keep(tmp_path / "real", 0, sham=False, estimate=0.7)
    keep(tmp_path / "again", 0, sham=False, estimate=0.6)
    sham = keep(tmp_path / "sham", 0, sham=True, estimate=0.2)
    keep(tmp_path / "sham-of-another", 1, sham=True, estimate=0.9)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "truth.json").write_text("{")
    assert [name for name, _ in counterparts(real)] == ["sham"]
    assert [name for name, _ in counterparts(sham)] == ["again", "real"]


def test_the_paragraph_tells_figures_beside_controls_and_asks_for_the_sham() -> None:
    alone = truth_paragraph(truth(sham=False, estimate=0.71))
    assert "'red-x' after 25 generations" in alone
    for told in (
        "0.71 for the picture evolved",
        "none shown for the natural references",
        "0.10 [0.00, 0.20]",
        "3 of 200",
        "--sham",
    ):
        assert told in alone
    beside = truth_paragraph(truth(sham=False, estimate=0.71), [("run-2", truth(sham=True, estimate=0.2))])
    assert "The sham run run-2, with the same settings: 0.20 (pixels 0.10)." in beside
    assert "--sham" not in beside
    assert "scores dealt at random" in truth_paragraph(truth(sham=True, estimate=0.2))
