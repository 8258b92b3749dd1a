from __future__ import annotations

import time

import numpy as np
import pytest

from bci_app.contract.errors import PictureError
from bci_app.pictures.source import FAMILIES, builtin


@pytest.mark.parametrize("family", FAMILIES)
def test_samples_of_one_family_are_all_different_and_belong_to_it(family: str) -> None:
    pictures = builtin([family]).sample(np.random.default_rng(0), 100)
    assert len({picture.id for picture in pictures}) == 100
    assert {picture.family for picture in pictures} == {family}
    assert len({picture.label for picture in pictures}) > 12


def test_the_same_generator_state_gives_the_same_pictures() -> None:
    first, again = (builtin().sample(np.random.default_rng(5), 20) for _ in range(2))
    assert [picture.id for picture in first] == [picture.id for picture in again]
    assert first[0].id != builtin().sample(np.random.default_rng(6), 20)[0].id


def test_families_come_about_equally_often() -> None:
    families = [picture.family for picture in builtin().sample(np.random.default_rng(0), 300, size=16)]
    assert all(70 < families.count(family) < 130 for family in FAMILIES)


def test_asking_for_more_does_not_change_the_first_ones() -> None:
    few, many = (builtin().sample(np.random.default_rng(2), n, size=16) for n in (5, 9))
    assert [picture.id for picture in few] == [picture.id for picture in many[:5]]


@pytest.mark.parametrize("families", [(), ("faces",)])
def test_unknown_families_are_refused_with_the_known_ones(families: tuple[str, ...]) -> None:
    with pytest.raises(PictureError, match="shapes, letters, digits"):
        builtin(families)


def test_drawing_is_fast_enough_for_training() -> None:
    source, rng = builtin(), np.random.default_rng(0)
    source.sample(rng, 10)
    begun = time.perf_counter()
    source.sample(rng, 200)
    assert time.perf_counter() - begun < 2.0, "2 ms for a picture of 64 pixels is asked for; 10 is far too slow"
