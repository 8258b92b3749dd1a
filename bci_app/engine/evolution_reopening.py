"""An evolution as it stood, from the files of its run alone: what its report shows."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from bci_app.bundles import shipped
from bci_app.contract.bundle import open_bundle
from bci_app.contract.errors import BciError
from bci_app.engine.demo import GENERATOR
from bci_app.engine.evolution_onsets import OnsetLog
from bci_app.engine.evolution_resume import Resumed, read_about, read_history
from bci_app.engine.evolution_settings import EvolutionSettings
from bci_app.engine.evolution_summary import evolution_outcome
from bci_app.engine.evolution_views import EvolutionSnapshot, Image
from bci_app.engine.settings import parse_settings
from bci_app.evolution.optimisers import read_optimiser
from bci_app.inference.generator import Generator

_COUNTED = ("shown", "answered", "rejected", "missing", "shown_again")


def reopen_evolution(folder: Path, about: dict[str, Any]) -> tuple[EvolutionSnapshot, dict[str, Any]]:
    """The evolution in `folder` at its newest whole state, and what came of it as data (`evolution_outcome`).

    Parameters
    ----------
    about : dict
        Its session.json, or the summary of an older program.

    Raises
    ------
    RecordingError
        If there is no run, or none of its states can be read.
    """
    run = read_about(folder)
    resumed = read_history(folder, run)
    settings = parse_settings(EvolutionSettings, about["settings"], f"The settings of '{folder}'")
    response, history = about["response"], resumed.history
    seen = EvolutionSnapshot(
        generation=resumed.state.generation,
        n_generations=settings.n_generations,
        response=response["words"],
        unit=response["unit"],
        members=(),
        best=history.best,
        estimate=_estimate(settings, about["generator"]["digest"], resumed) if history.results else None,
        averages=tuple(result.average for result in history.results),
        curves=history.curves,
        onsets=OnsetLog(resumed.delays, resumed.n_never).row(),
        counts={name: resumed.counts.get(name, 0) for name in _COUNTED},
        progress="",
        sham=settings.sham,
    )
    return seen, evolution_outcome(seen, history.results, resumed.state.generation)


def _estimate(settings: EvolutionSettings, digest: str, resumed: Resumed) -> Image | None:
    """The picture the optimiser believes in, if the generator of the run is still at hand."""
    with suppress(BciError):
        bundle = open_bundle(settings.generator or shipped(GENERATOR))
        if bundle.digest == digest:
            code = read_optimiser(resumed.state.optimiser).estimate(resumed.state)
            image: Image = Generator.open(bundle).generate(code[np.newaxis])[0]
            return image
    return None
