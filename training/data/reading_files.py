"""The readings that a recipe asks for."""

from __future__ import annotations

from training.data.reading_settings import AnyReadings, TableReadings, ZucoReadings
from training.data.readings import Readings


def read_readings(settings: AnyReadings) -> Readings:
    """All readings of the recipe's data, to learn from and to score.

    Raises
    ------
    BciError
        If files are missing or cannot be meant; see the loaders in `training.data`.
    """
    if isinstance(settings, ZucoReadings):
        from training.data.zuco import read_zuco

        return read_zuco(settings)
    if isinstance(settings, TableReadings):
        from training.data.reading_table import read_tables

        return read_tables(settings)
    from training.data.simulated_readings import simulated_readings

    return simulated_readings(settings)
