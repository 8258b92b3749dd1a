"""Every optimiser by its name, for recipes, settings and states that name one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from bci_app.contract.checks import faults
from bci_app.contract.errors import SettingsError
from bci_app.evolution.genetic import Genetic
from bci_app.evolution.guided import Guided
from bci_app.evolution.optimiser import RandomSearch
from bci_app.evolution.spherical import SphericalCMA
from bci_app.evolution.strategies import DiagonalCMA, FullCMA

AnyOptimiser = Annotated[
    Guided | Genetic | DiagonalCMA | FullCMA | SphericalCMA | RandomSearch,
    Field(discriminator="kind"),
]
"""One of them, told apart by ``kind``."""

_ADAPTER: TypeAdapter[AnyOptimiser] = TypeAdapter(AnyOptimiser)


def read_optimiser(settings: Mapping[str, JsonValue]) -> AnyOptimiser:
    """The optimiser that plain `settings` describe, such as those in a state.

    Raises
    ------
    SettingsError
        If there is no such optimiser, or a setting is unknown or cannot be meant.
    """
    try:
        return _ADAPTER.validate_python(dict(settings))
    except ValidationError as error:
        raise SettingsError(f"An optimiser must be described by its settings; {faults(error)}.") from error
