"""Electrodes are found by their names, and seen from above where anatomy has them."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.engine.electrodes import flattened, map_electrodes


def test_midline_and_equator_of_the_ten_twenty_system() -> None:
    """From Cz down to the ring of Fpz, T8, Oz and T7 are 40 % of the way from nasion to inion, 72 degrees; C4 and Fz half."""
    found = map_electrodes(["Cz", "Fz", "C4", "Fpz", "T8", "Oz", "T7"])
    expected = {
        "Cz": (0, 0), "Fz": (0, 0.4), "C4": (0.4, 0), "Fpz": (0, 0.8), "T8": (0.8, 0), "Oz": (0, -0.8), "T7": (-0.8, 0),
    }  # fmt: skip
    assert found.unknown == ()
    for name, place in expected.items():
        assert flattened(found.places[name]) == pytest.approx(place, abs=1e-3)


def test_places_are_unit_vectors_and_left_mirrors_right() -> None:
    places = map_electrodes(["C3", "C4", "O1", "O2", "Fp1", "Fp2"]).places
    for left, right in (("C3", "C4"), ("O1", "O2"), ("Fp1", "Fp2")):
        assert np.linalg.norm(places[left]) == pytest.approx(1)
        assert places[left] * (-1, 1, 1) == pytest.approx(places[right], abs=1e-6)


def test_spelling_of_amplifiers_is_understood_and_unknown_names_are_listed() -> None:
    found = map_electrodes(["EEG Fp1-Ref", "OZ", "t3", "EOG left", "Trigger"])
    same = map_electrodes(["Fp1", "Oz", "T7"])
    assert found.unknown == ("EOG left", "Trigger")
    for name, plain in (("EEG Fp1-Ref", "Fp1"), ("OZ", "Oz"), ("t3", "T7")):
        assert found.places[name].tolist() == same.places[plain].tolist()


def test_cap_with_numbers_gets_the_layout_that_knows_most_of_it() -> None:
    assert map_electrodes([f"E{number}" for number in range(1, 129)]).layout == "GSN-HydroCel-128"
    assert map_electrodes(["voxel 1", "voxel 2"]).layout == ""


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.2])
def test_distance_from_the_middle_is_the_angle_from_the_vertex(angle: float) -> None:
    x, y = flattened(np.array([0.0, np.sin(angle), np.cos(angle)]))
    assert (x, y) == pytest.approx((0.0, angle / (np.pi / 2)))
