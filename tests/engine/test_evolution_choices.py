"""What a form says of an evolution becomes its settings, and the settings are what the form shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from bci_app.contract.errors import RecordingError, SettingsError
from bci_app.engine.evolution_choices import EvolutionChoices, EvolutionForm, choices_of, named_settings, with_choices
from bci_app.engine.evolution_demo import EvolutionDemoSettings
from bci_app.engine.evolution_resume import check_resumable
from bci_app.engine.evolution_settings import EvolutionSettings
from bci_app.engine.settings import StreamChoice
from bci_app.evolution.genetic import Genetic
from bci_app.evolution.guided import Guided

CHOICES = EvolutionChoices("component", "Cz, Pz", "guided", 0, 12, "off")


def test_form_shows_what_was_chosen_and_changes_nothing_by_being_shown() -> None:
    settings = with_choices(EvolutionSettings(), CHOICES, 500.0)
    assert (settings.response.sfreq, settings.response.channels) == (500.0, ("Cz", "Pz"))  # type: ignore[union-attr]
    assert choices_of(settings) == EvolutionChoices("component", "Cz, Pz", "guided", 20, 12, "off")
    assert with_choices(settings, choices_of(settings), None) == settings


@pytest.mark.parametrize("kind", ["guided", "genetic", "diagonal-cma", "full-cma", "spherical-cma", "random"])
def test_every_optimiser_can_be_chosen_with_its_population(kind: str) -> None:
    settings = with_choices(EvolutionSettings(), EvolutionChoices("rating", "", kind, 7, 5, "blind"), None)
    assert (settings.optimiser.kind, settings.optimiser.population, settings.sham) == (kind, 7, "blind")


def test_what_the_form_does_not_offer_comes_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text(
        "{response: {kind: component, start_s: 0.2}, repeats: 3, n_generations: 9, stimulus: {height: 0.5, where: auto}, "
        "optimiser: {kind: genetic, population: 30}}"
    )
    kept = EvolutionForm(
        EvolutionChoices("component", "Oz", "genetic", 0, 4, "off"), "window", {}, 250.0, file
    ).settings()
    assert kept.optimiser == Genetic(population=30)
    assert (kept.response.start_s, kept.repeats, kept.n_generations) == (0.2, 3, 4)  # type: ignore[union-attr]
    assert (kept.stimulus.height, kept.stimulus.where) == (0.5, "window")
    assert with_choices(kept, CHOICES, None).optimiser == Guided(n_generations=12)


def test_simulated_participant_gets_the_pace_of_the_demo() -> None:
    settings = EvolutionForm(CHOICES, "auto", {}, 256.0, simulated=True).settings()
    assert settings.timing == EvolutionDemoSettings().evolution.timing
    assert EvolutionForm(CHOICES, "auto", {}, 256.0).settings().timing == EvolutionSettings().timing


@pytest.mark.parametrize(
    ("choices", "missing"),
    [
        (EvolutionChoices("component", " , ", "guided", 0, 3, "off"), "none is named"),
        (EvolutionChoices("unit", "Pz", "guided", 0, 3, "off"), "got 'Pz'"),
        (EvolutionChoices("similarity", "", "guided", 0, 3, "off"), "settings file"),
        (EvolutionChoices("rating", "", "guided", 1, 3, "off"), "optimiser.guided.population"),
    ],
)
def test_what_cannot_be_meant_is_told(choices: EvolutionChoices, missing: str) -> None:
    with pytest.raises(SettingsError, match=missing):
        with_choices(EvolutionSettings(), choices, None)


def test_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="Choose the folder of a run"):
        named_settings(None, tmp_path)


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"participant": "P08"}, "own participant"),
        ({"stream": StreamChoice(name="Other")}, "read stream 'Cap'"),
        ({"n_generations": 3}, "All 3 generations"),
    ],
)
def test_run_goes_on_only_as_itself_and_while_there_is_something_to_do(
    tmp_path: Path, changed: dict[str, object], missing: str
) -> None:
    (tmp_path / "generations").mkdir()
    for generation in range(4):
        (tmp_path / "generations" / f"g{generation:04d}.npz").touch()
    saved = EvolutionSettings(participant="P07", stream=StreamChoice(name="Cap"), n_generations=3)
    check_resumable(tmp_path, saved, saved.model_copy(update={"n_generations": 4}))
    with pytest.raises(SettingsError, match=missing):
        check_resumable(tmp_path, saved, saved.model_copy(update={"n_generations": 4} | changed))
