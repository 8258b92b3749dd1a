"""From settings to a plan: models, references, outlets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import SettingsError
from bci_app.engine.evolution_plan import draw_references, open_evolution
from bci_app.engine.evolution_settings import EvolutionSettings, RatingResponse, References
from bci_app.inference.generator import Generator
from bci_app.pictures.source import builtin, from_folder


def test_settings_alone_open_a_whole_plan(tmp_path: Path, generator: Generator) -> None:
    for picture in builtin(("shapes",)).sample(np.random.default_rng(0), 3, 16):
        Image.fromarray(picture.image).save(tmp_path / f"{picture.label}.png")
    settings = EvolutionSettings(
        response=RatingResponse(),
        generator=generator.bundle.folder,
        references=References(n_natural=3, folder=tmp_path),
    )
    plan = open_evolution(settings, "it", None)
    assert plan.references == draw_references(from_folder(tmp_path, 16), 3, generator.image_size, seed=0)
    assert len({picture.id for picture in plan.references}) == 3
    assert (plan.outlets, plan.signal(None)) == (None, None)
    assert plan.generator.bundle.digest == generator.bundle.digest


def test_more_references_than_there_are_pictures_are_refused() -> None:
    class OnePicture:
        name = "one"

        def sample(self, rng: np.random.Generator, n: int, size: int = 64) -> Any:
            return builtin(("shapes",)).sample(np.random.default_rng(0), 1, size) * n

    with pytest.raises(SettingsError, match=r"2 different reference pictures are wanted .*'one' has 1"):
        draw_references(OnePicture(), 2, 16, 0)
    assert len(draw_references(OnePicture(), 1, 16, 0)) == 1
