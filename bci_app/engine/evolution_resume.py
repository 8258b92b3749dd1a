"""A run of an evolution read again, so that it goes on as if it had never stopped."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.anonymity import at_home
from bci_app.contract.bundle import read_arrays
from bci_app.contract.checks import check_shape
from bci_app.contract.errors import BciError, RecordingError, SettingsError
from bci_app.contract.lines import read_lines
from bci_app.engine.evolution_files import FORMAT, RESPONSES, STATES, identity_of
from bci_app.engine.evolution_history import GenerationResult, History
from bci_app.engine.evolution_plan import EvolutionPlan
from bci_app.engine.evolution_settings import EvolutionSettings
from bci_app.engine.evolution_showing import NEVER_PAINTED
from bci_app.engine.evolution_views import Member
from bci_app.engine.session_file import SESSION
from bci_app.engine.settings import parse_settings
from bci_app.evolution.space import SearchSpace
from bci_app.evolution.state import Best, State

_Arrays = dict[str, NDArray[Any]]
_WORDS = {"references": "reference pictures", "repeats": "number of repeats", "sham": "sham mode"}


@dataclass(frozen=True, slots=True, eq=False)
class Resumed:
    """Where a run stands.

    Attributes
    ----------
    about : dict
        Its session.json.
    state : State
        Before the generation that is shown next.
    history : History
        What was scored before it.
    first_number : int
        That of the next presentation.
    counts : mapping
        Presentations so far, as `EvolutionRun.counts` has them.
    delays : float64 array (n,)
        How long after they were due pictures came, in seconds; and `n_never`, how many were never painted.
    notes : tuple of str
        What the user should know, such as a broken file that was passed over.
    """

    about: dict[str, Any]
    state: State
    history: History
    first_number: int
    counts: Mapping[str, int]
    delays: NDArray[np.float64]
    n_never: int
    notes: tuple[str, ...]


def saved_settings(folder: Path) -> EvolutionSettings:
    """The settings that the run in `folder` was last begun or resumed with.

    Raises
    ------
    RecordingError
        If there is no run in it, or one of a newer program.
    """
    saved = at_home(read_about(folder)["settings"])
    return parse_settings(EvolutionSettings, saved, f"The settings in '{folder / SESSION}'")


def check_resumable(folder: Path, saved: EvolutionSettings, wanted: EvolutionSettings) -> None:
    """Whether the run in `folder`, begun with `saved`, can go on as `wanted`; what makes it this run is checked when it is read.

    Raises
    ------
    SettingsError
        If it is another participant's, read another stream, or has scored all generations already.
    """
    if saved.participant != wanted.participant:
        raise SettingsError(
            f"A run is resumed with its own participant, '{saved.participant}'; the code is '{wanted.participant}'. Give the "
            "other code, or begin a new run."
        )
    was, now = saved.stream.name, wanted.stream.name
    if None not in (was, now) and was != now:
        raise SettingsError(
            f"The run read stream '{was}'; '{now}' is chosen. Choose the other one, or begin a new run."
        )
    scored = max(_state_paths(folder), default=0)
    if scored >= wanted.n_generations:
        raise SettingsError(
            f"All {scored} generations of the run in '{folder}' are scored. Ask for more generations to go on with it."
        )


def read_about(folder: Path) -> dict[str, Any]:
    """What session.json says; RecordingError if there is none, or it is another file or newer."""
    path = folder / SESSION
    try:
        about = json.loads(path.read_text("utf-8"))
        _refuse_newer(about["format"], path)
        if not all(key in about for key in ("run", "identity", "settings", "resumed")):
            raise KeyError("a key is missing")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordingError(
            f"A run of an evolution has a {SESSION}; that of '{folder}' cannot be read: {error}. Choose the folder of a run, "
            "as the program printed it."
        ) from None
    return dict(about)


def read_evolution(plan: EvolutionPlan, folder: Path) -> Resumed:
    """The run in `folder`, at its newest whole state.

    Raises
    ------
    RecordingError
        If there is no run, none of its states can be read, or a file is of another run or a newer program.
    SettingsError
        If the plan's generator, response, optimiser or other identity is not the run's.
    """
    about = read_about(folder)
    _check_identity(about["identity"], identity_of(plan), folder)
    resumed = read_history(folder, about)
    _check_state(resumed.state, plan, _state_paths(folder)[resumed.state.generation])
    return resumed


def read_history(folder: Path, about: dict[str, Any]) -> Resumed:
    """The run in `folder` at its newest whole state, `about` being its session.json, whatever reads it.

    Raises
    ------
    RecordingError
        If none of its states can be read, or a file is of another run or a newer program.
    """
    notes: list[str] = []
    paths = _state_paths(folder)
    for newest in sorted(paths, reverse=True):
        try:
            state = _read_state(paths[newest], about["run"], newest)
            break
        except _BrokenError as error:
            notes.append(f"{error} The state before it is taken, so one generation is shown again.")
    else:
        raise RecordingError(
            f"A run has a state in {STATES}/; none of the {len(paths)} in '{folder}' can be read. {' '.join(notes)} Begin a "
            "new run."
        )
    results = []
    for generation in range(1, newest + 1):
        try:
            results.append(_read_result(paths[generation], about["run"], generation))
        except (_BrokenError, KeyError) as error:
            notes.append(f"The result of generation {generation - 1} is lost to the curves: {error}")
    lines = read_lines(folder / RESPONSES)
    shown = [line for line in lines if None not in (line.get("onset_s"), line.get("due_s"))]
    counts = Counter(str(line.get("became")) for line in lines)
    counts.update(shown=len(shown), shown_again=sum(line.get("again") is True for line in shown))
    return Resumed(
        about,
        state,
        History(results),
        max((int(line.get("number", -1)) for line in lines), default=-1) + 1,
        counts,
        np.array([line["onset_s"] - line["due_s"] for line in shown], np.float64),
        sum(line.get("why") == NEVER_PAINTED for line in lines),
        tuple(notes),
    )


class _BrokenError(Exception):
    """A state that cannot be read; its message is a sentence."""


def _state_paths(folder: Path) -> dict[int, Path]:
    """The states by generation."""
    found = {path: re.fullmatch(r"g(\d+)\.npz", path.name) for path in (folder / STATES).glob("g*.npz")}
    return {int(match.group(1)): path for path, match in found.items() if match}


def _open(path: Path, run: str, generation: int) -> tuple[dict[str, Any], _Arrays]:
    """What a state file says of itself, and its arrays."""
    try:
        arrays = read_arrays(path.read_bytes(), f"'{path.name}'")
        about = json.loads(arrays.pop("about").tobytes())
        version, owner, own = about["format"], about["run"], about["generation"]
    except (OSError, ValueError, KeyError, TypeError, BciError) as error:
        raise _BrokenError(f"The state '{path.name}' cannot be read ({error}).") from None
    _refuse_newer(version, path)
    if (owner, own) != (run, generation):
        raise RecordingError(
            f"'{path}' should be generation {generation} of run {run[:8]}; it is generation {own} of run {str(owner)[:8]}. Take "
            "the foreign file away, then resume."
        )
    return about, arrays


def _read_state(path: Path, run: str, generation: int) -> State:
    about, arrays = _open(path, run, generation)
    try:
        best, space = about.get("best"), SearchSpace(**about["space"])
        codes = np.asarray(arrays["codes"], np.float32)
        space.check(codes, f"The codes of '{path.name}'")
        if best is not None:
            check_shape(arrays["best"], (space.dim,), f"The best code of '{path.name}'")
        prefix = "optimiser/"
        return State(
            about["optimiser"],
            space,
            int(about["seed"]),
            generation,
            codes,
            None if best is None else Best(arrays["best"], best["score"], best["generation"], best["index"]),
            {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)},
            dict(zip(about["numbers"], arrays["numbers"].tolist(), strict=True)),
        )
    except (ValueError, KeyError, TypeError, AttributeError, BciError) as error:
        raise _BrokenError(f"The state '{path.name}' is not whole ({error}).") from None


def _read_result(path: Path, run: str, generation: int) -> GenerationResult:
    """The result of the generation before `generation`."""
    about, arrays = _open(path, run, generation)
    try:
        told, champion = about["result"], about["result"]["champion"]
        return GenerationResult(
            int(told["generation"]),
            arrays["evolved"],
            dict(zip(told["natural"], arrays["natural"].tolist(), strict=True)),
            arrays["prior"],
            Member(champion["id"], arrays["champion"], champion["score"], champion["n_responses"], "evolved"),
            arrays["average"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise _BrokenError(f"The result in '{path.name}' is not whole ({error}).") from None


def _refuse_newer(version: object, path: Path) -> None:
    if not isinstance(version, int) or version > FORMAT:
        raise RecordingError(
            f"'{path}' has format version {version}; this program reads up to {FORMAT}. Update the program."
        )


def _check_identity(was: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    """Raise SettingsError that names everything in which the plan is another one than the run."""
    differing = [key for key in now if was.get(key) != now[key]]
    if differing:
        told = "; ".join(
            f"{_WORDS.get(key, key)} was {_short(was.get(key))}, is {_short(now[key])}" for key in differing
        )
        raise SettingsError(
            f"A run is resumed as what it was begun; '{folder}' is another one: {told}. Resume it with the settings it was "
            "begun with, or begin a new run."
        )


def _check_state(state: State, plan: EvolutionPlan, path: Path) -> None:
    """The same of the state itself, which may have been exchanged."""
    settings, space = plan.settings, SearchSpace.of(plan.generator.latent_space)
    wanted = (settings.optimiser.model_dump(mode="json"), space, settings.seed)
    if (dict(state.optimiser), state.space, state.seed) != wanted:
        raise SettingsError(
            f"The state '{path}' must be of the optimiser, latent space and seed of its run; it is of another one. Take the "
            "foreign file away, then resume."
        )


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 100 else text[:97] + "..."
