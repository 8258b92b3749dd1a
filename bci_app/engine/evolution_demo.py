"""The demo of an evolution: a simulated participant prefers a hidden picture, and pictures evolve towards it over LSL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from pydantic import model_validator

from bci_app.contract.errors import SettingsError
from bci_app.engine.demo import OnProgress, awake
from bci_app.engine.evolution_plan import EvolutionPlan, open_evolution
from bci_app.engine.evolution_settings import ComponentResponse, EvolutionSettings, Limits, References, Timing
from bci_app.engine.session_file import SESSION
from bci_app.engine.settings import Frozen, read_settings
from bci_app.engine.summary import write_json
from bci_app.evolution.genetic import Genetic
from bci_app.simulation.settings import ParticipantSettings, PreferenceSettings

DEMO = "demo.json"
"""In the run folder: the participant's settings and those of the evolution, so that the demo can be resumed."""

_RESPONSE = ComponentResponse(channels=("Pz",), baseline_s=None, highpass_hz=0.1)
"""Pictures follow so quickly that the time before one holds the answer to the last: no baseline. A causal filter with a
higher corner takes away more than half of so slow a potential, and lays the rest on the next picture with the other sign.
Without a baseline the filter takes the mean level away: that evolved pictures are answered with more is seen in their distance
from the references, not in a rise of their own."""


class EvolutionDemoSettings(Frozen):
    """The demo: who is simulated, and what evolves.

    Attributes
    ----------
    participant : ParticipantSettings
        With a preference; only the simulation knows the hidden picture.
    evolution : EvolutionSettings
        The defaults last between two and three minutes: 3 pictures a second, 15 generations of 20 and five references.
    """

    participant: ParticipantSettings = ParticipantSettings(n_channels=32, preference=PreferenceSettings())
    evolution: EvolutionSettings = EvolutionSettings(
        response=_RESPONSE,
        optimiser=Genetic(population=20),
        timing=Timing(show_s=0.2, blank_s=0.134, jitter_s=0.0),
        limits=Limits(max_rate_hz=3.0),
        references=References(n_natural=3, n_prior=2),
        n_generations=15,
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        response = self.evolution.response
        if self.participant.preference is None:
            raise SettingsError("The participant of this demo prefers a picture; its preference cannot be null.")
        if response.kind != "component":
            raise SettingsError(
                f"The demo drives an EEG component (response.kind 'component'); got '{response.kind}'. The simulated "
                "participant has no other response."
            )
        if self.evolution.sham == "blind":
            raise SettingsError(
                "The demo tells at its end how near it came, so it cannot be blind. Set sham to 'on' or 'off'."
            )
        if response.sfreq != self.participant.sfreq:
            raise SettingsError(
                f"The participant's EEG has {self.participant.sfreq:g} Hz, the response expects {response.sfreq:g} Hz. Set "
                "participant.sfreq and evolution.response.sfreq to the same."
            )
        return self


@contextmanager
def evolution_demo_plan(
    settings: EvolutionDemoSettings, folder: Path, on_progress: OnProgress, *, resume: bool = False
) -> Iterator[EvolutionPlan]:
    """Wake the participant and give the plan of the evolution; the participant ends with the block.

    LSL must have been confined to this machine before (`streams.network.use_config`): child processes inherit it.

    Parameters
    ----------
    settings : EvolutionDemoSettings
        Of a run that is resumed, what `saved_demo` returned.
    folder : Path
        Where the run is kept; must exist.
    on_progress : callable
        Called with (done, total, text).
    resume : bool
        Go on with the run in `folder`.

    Raises
    ------
    BundleError, SettingsError
        As `open_evolution`.
    StreamError
        If the participant does not start.
    RecordingError
        If the folder cannot be written.
    """
    on_progress(0, 1, "waking the participant")
    with awake(settings.participant, settings.evolution.stream) as (stream, outlets):
        on_progress(0, 1, "opening the generator")
        evolution = settings.evolution.model_copy(update={"stream": stream})
        plan = open_evolution(
            evolution,
            "bci-app demo: evolution towards a hidden picture",
            folder,
            watermark="SIMULATED PARTICIPANT",
            outlets=outlets,
            resume=resume,
        )
        write_json(folder / DEMO, settings.model_dump(mode="json"))
        yield plan


def saved_demo(folder: Path) -> EvolutionDemoSettings:
    """The settings that the demo in `folder` was begun with.

    Raises
    ------
    SettingsError
        If there is no such demo.
    """
    if not (folder / DEMO).is_file():
        raise SettingsError(
            f"A demo is resumed from the folder of its run, which holds {DEMO}; '{folder}' has none."
            + (" It is a run of `bci-app evolve`: resume it with that." if (folder / SESSION).is_file() else "")
        )
    return read_settings(EvolutionDemoSettings, folder / DEMO)
