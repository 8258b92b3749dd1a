"""Settings of an evolution."""

from __future__ import annotations

import pytest

from bci_app.engine.evolution_settings import EvolutionSettings
from bci_app.engine.settings import parse_settings
from bci_app.evolution.genetic import Genetic
from bci_app.evolution.guided import Guided
from bci_app.evolution.spherical import SphericalCMA


@pytest.mark.parametrize("n_generations", [1, 7, 40])
def test_the_default_optimiser_plans_for_the_generations_there_are(n_generations: int) -> None:
    assert EvolutionSettings(n_generations=n_generations).optimiser == Guided(n_generations=n_generations)


def test_an_optimiser_that_is_told_its_generations_keeps_them() -> None:
    raw = {"n_generations": 12, "optimiser": {"kind": "spherical-cma", "n_generations": 5}}
    assert parse_settings(EvolutionSettings, raw, "The test").optimiser == SphericalCMA(n_generations=5)
    again = EvolutionSettings.model_validate(EvolutionSettings(n_generations=9).model_dump() | {"n_generations": 20})
    assert again.optimiser == Guided(n_generations=9)  # a run that goes on for longer is still the same run


def test_one_that_plans_for_none_is_left_as_it_is() -> None:
    assert parse_settings(
        EvolutionSettings, {"optimiser": {"kind": "genetic"}, "n_generations": 3}, "The test"
    ).optimiser == (Genetic())
