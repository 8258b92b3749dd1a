from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bci_app.contract.errors import SettingsError
from bci_app.engine.evolution_demo import DEMO, EvolutionDemoSettings, saved_demo
from bci_app.engine.evolution_settings import EvolutionSettings
from bci_app.engine.settings import parse_settings, read_settings

CONFIGS = Path(__file__).parents[2] / "configs" / "app"


def test_the_file_of_the_demo_holds_its_defaults() -> None:
    assert read_settings(EvolutionDemoSettings, CONFIGS / "evolve_demo.yaml") == EvolutionDemoSettings()


@pytest.mark.parametrize(("name", "kind"), [("eeg", "component"), ("rating", "rating"), ("spikes", "rate")])
def test_the_files_of_other_evolutions_can_be_meant(name: str, kind: str) -> None:
    settings = read_settings(EvolutionSettings, CONFIGS / f"evolve_{name}.yaml")
    assert settings.response.kind == kind
    assert 1 / settings.timing.soa_s <= 3.0


def test_the_demo_ends_in_two_to_three_minutes() -> None:
    evolution = EvolutionDemoSettings().evolution
    response = evolution.response
    assert response.kind == "component"
    n_shown = evolution.optimiser.population + evolution.references.n_natural + evolution.references.n_prior
    generation_s = n_shown * evolution.timing.soa_s + response.stop_s
    assert 120 < evolution.n_generations * generation_s < 180


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"participant": {"preference": None}}, "preference cannot be null"),
        ({"evolution": {"response": {"kind": "rating"}}}, "EEG component"),
        ({"evolution": EvolutionDemoSettings().evolution.model_dump() | {"sham": "blind"}}, "cannot be blind"),
        ({"participant": {"sfreq": 512.0, "preference": {}}}, "512 Hz"),
    ],
)
def test_a_demo_that_cannot_find_anything_is_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        parse_settings(EvolutionDemoSettings, values, "The demo")


def test_a_saved_demo_is_read_again_and_another_folder_is_refused(tmp_path: Path) -> None:
    settings = EvolutionDemoSettings()
    (tmp_path / DEMO).write_text(settings.model_dump_json())
    assert saved_demo(tmp_path) == settings
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "session.json").write_text("{}")
    with pytest.raises(SettingsError, match="bci-app evolve"):
        saved_demo(tmp_path / "other")
