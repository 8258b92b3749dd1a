"""The few choices of an evolution that a form offers, over settings that say the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bci_app.contract.errors import SettingsError
from bci_app.engine.evolution_demo import EvolutionDemoSettings
from bci_app.engine.evolution_resume import check_resumable, saved_settings
from bci_app.engine.evolution_settings import EvolutionSettings
from bci_app.engine.settings import parse_settings, read_settings

FORM = "The form of the page Evolve"


@dataclass(frozen=True, slots=True)
class EvolutionChoices:
    """What stands in the form.

    Attributes
    ----------
    response, optimiser : str
        Kinds.
    parts : str
        What is driven: channels or neurons with commas between them, or the number of a unit; empty where the kind has none.
    population : int
        New pictures per generation; 0 for the number that settings or optimiser have of their own.
    """

    response: str
    parts: str
    optimiser: str
    population: int
    n_generations: int
    sham: Literal["off", "on", "blind"]


@dataclass(frozen=True, slots=True)
class EvolutionForm:
    """All that a form says.

    Attributes
    ----------
    choices : EvolutionChoices
        Of a run that goes on, only the number of generations is heard: the rest is what it was begun with.
    where : str
        Where pictures are shown, see `Stimulus`.
    others : mapping
        Fields of the settings that are taken as they are.
    sfreq : float or None
        Rate of the stream, Hz; None if none is read, or its rate goes without saying.
    file, run : Path or None
        Settings that say the rest, and the folder of a run to go on with.
    simulated : bool
        Whether the stream is that of a simulated participant, to whom the settings of the demo are fitted.
    """

    choices: EvolutionChoices
    where: str
    others: Mapping[str, Any]
    sfreq: float | None = None
    file: Path | None = None
    run: Path | None = None
    simulated: bool = False

    def settings(self) -> EvolutionSettings:
        """What is to be done; errors as `check_resumable`, `named_settings` and `with_choices`."""
        if self.run is None and self.file is None and self.simulated and self.choices.response == "component":
            base = EvolutionDemoSettings().evolution
        else:
            base = named_settings(self.file, self.run)
        others = {**self.others, "stimulus": base.stimulus.model_dump() | {"where": self.where}}
        if self.run is None:
            return with_choices(base, self.choices, self.sfreq, **others)
        others["n_generations"] = self.choices.n_generations
        wanted = parse_settings(EvolutionSettings, base.model_dump() | others, FORM)
        check_resumable(self.run, base, wanted)
        return wanted


def named_settings(file: Path | None, run: Path | None) -> EvolutionSettings:
    """Settings of the run in a folder, or those of a YAML file, or the usual ones if there is neither.

    Raises
    ------
    RecordingError
        If there is no run, or one of a newer program.
    SettingsError
        If the file cannot be read, or what it says cannot be meant.
    """
    return read_settings(EvolutionSettings, file) if run is None else saved_settings(run)


def choices_of(settings: EvolutionSettings) -> EvolutionChoices:
    """What a form shows of `settings`."""
    response = settings.response
    names = {"component": "channels", "rate": "neurons"}.get(response.kind)
    parts = ", ".join(getattr(response, names)) if names else str(getattr(response, "channel", ""))
    return EvolutionChoices(
        response.kind,
        parts,
        settings.optimiser.kind,
        settings.optimiser.population,
        settings.n_generations,
        settings.sham,
    )


def with_choices(
    base: EvolutionSettings, choices: EvolutionChoices, sfreq: float | None, **others: Any
) -> EvolutionSettings:
    """`base` with the choices of a form, and `others`, in their place.

    Parameters
    ----------
    sfreq : float or None
        Rate of the stream, Hz; None keeps that of `base`.
    **others
        Further fields of the settings.

    Raises
    ------
    SettingsError
        If they cannot be meant together.
    """
    values = base.model_dump()
    told = {
        "response": _response(values["response"], choices, sfreq),
        "optimiser": _optimiser(values, choices),
        "n_generations": choices.n_generations,
        "sham": choices.sham,
    }
    return parse_settings(EvolutionSettings, values | told | others, FORM)


def _optimiser(values: dict[str, Any], choices: EvolutionChoices) -> dict[str, Any]:
    """That of the settings if it is of the kind that was chosen, else a new one; it plans for the generations of the form."""
    before = values["optimiser"]
    chosen = before if before["kind"] == choices.optimiser else {"kind": choices.optimiser}
    if chosen.get("n_generations") == values["n_generations"]:  # it planned for all of them, and goes on doing so
        chosen = chosen | {"n_generations": choices.n_generations}
    return chosen | ({"population": choices.population} if choices.population else {})


def _response(before: dict[str, Any], choices: EvolutionChoices, sfreq: float | None) -> dict[str, Any]:
    kind = choices.response
    if kind == "similarity" and before["kind"] != kind:
        raise SettingsError(
            "Similarity to a picture needs its decoder and its target; the form has no room for them. Name a settings file "
            "that has them (response: {kind: similarity, decoder: FOLDER, target: FILE})."
        )
    chosen = before if before["kind"] == kind else {"kind": kind}
    if kind in ("component", "rate"):
        names = tuple(name.strip() for name in choices.parts.split(",") if name.strip())
        if not names:
            raise SettingsError("A response needs its channels; none is named. Name one, or several with commas.")
        rate = {} if sfreq is None else {"sfreq": sfreq}
        return chosen | rate | {"channels" if kind == "component" else "neurons": names}
    if kind == "unit":
        number = choices.parts.strip() or "0"
        if not number.isdecimal():
            raise SettingsError(f"A unit is told by its number in the layer, from 0; got '{number}'. Type a number.")
        return chosen | {"channel": int(number)}
    return chosen
