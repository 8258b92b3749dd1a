"""What an evolution session is built from, opened and checked before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bci_app.bundles import shipped
from bci_app.contract.errors import SettingsError
from bci_app.contract.windowing import reach_s
from bci_app.engine.demo import GENERATOR, picture_notes
from bci_app.engine.evolution_pictures import REFERENCES
from bci_app.engine.evolution_responder import AnyResponder, TrialResponder, open_responder
from bci_app.engine.evolution_settings import EvolutionSettings
from bci_app.engine.live_signal import SignalPlan
from bci_app.engine.plan import Outlets
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture
from bci_app.pictures.source import PictureSource, builtin, from_folder
from bci_app.streams.markers import MarkerOutlet

MARKERS = "bci-app markers"
_TRIES = 50
"""Draws after which a source of pictures has no other ones."""


@dataclass
class EvolutionPlan:
    """Everything an evolution session is built from.

    Attributes
    ----------
    references : tuple of Picture
        Natural pictures shown in every generation, each id once.
    outlets : Outlets or None
        Where markers go, and pictures for a simulated participant; closed by the session.
    folder : Path or None
        Where the run is kept; must exist. None keeps nothing.
    resume : bool
        Go on with the run that `folder` holds.
    """

    settings: EvolutionSettings
    title: str
    generator: Generator
    responder: AnyResponder
    references: tuple[Picture, ...] = ()
    outlets: Outlets | None = None
    folder: Path | None = None
    watermark: str = ""
    notes: tuple[str, ...] = ()
    """What the user should know from the start; told as problems that end nothing."""
    resume: bool = False

    @property
    def about(self) -> dict[str, Any]:
        """What is kept of it beside what was shown, so that a report can be written whenever there is one to write."""
        responder, generator = self.responder, self.generator
        devices = dict.fromkeys(device for device in (generator.device, responder.device) if device)
        return {
            "kind": "evolution",
            "title": self.title,
            "participant": self.settings.participant,
            "watermark": self.watermark,
            "response": {"words": responder.words, "unit": responder.unit, "identity": dict(responder.identity)},
            "device": ", ".join(devices),
            "generator": {"name": generator.manifest.name, "digest": generator.bundle.digest},
            "references": [picture.id for picture in self.references],
            "settings": self.settings.model_dump(mode="json"),
        }

    def signal(self, folder: Path | None) -> SignalPlan | None:
        """Which signal the response is read from, recorded to `folder`; None if it needs none."""
        if not isinstance(self.responder, TrialResponder):
            return None
        return SignalPlan(
            self.settings.stream,
            self.responder.preprocessing,
            self.responder.signal,
            self.responder.wanted_by,
            self.settings.buffer_s,
            folder=folder,
        )

    def check(self) -> None:
        """Raise SettingsError if the parts cannot go together."""
        if self.resume and self.folder is None:
            raise SettingsError("A run is resumed from its folder; none was given. Name it.")
        if isinstance(self.responder, TrialResponder):
            needed_s = reach_s(self.responder.cut) + 1.0
            if self.settings.buffer_s < needed_s:
                raise SettingsError(
                    f"The buffer must hold a trial, from its marker on, and one second more ({needed_s:g} s); buffer_s is "
                    f"{self.settings.buffer_s:g} s. Raise buffer_s."
                )


def open_evolution(
    settings: EvolutionSettings,
    title: str,
    folder: Path | None,
    *,
    watermark: str = "",
    outlets: Outlets | None = None,
    resume: bool = False,
) -> EvolutionPlan:
    """Open generator, response and reference pictures.

    Parameters
    ----------
    folder : Path or None
        Where the run is kept; must exist.
    outlets : Outlets, optional
        None for markers alone, if the response is read from a stream.
    resume : bool
        Go on with the run in `folder`; `saved_settings` of `bci_app.engine.evolution_files` gives its settings.

    Raises
    ------
    BundleError, DeviceError
        If a model is not sound, or the GPU that was required is not used.
    SettingsError, PictureError
        If the response cannot be meant, or reference pictures cannot be read.
    """
    generator = Generator.open(settings.generator or shipped(GENERATOR), settings.device, settings.require_gpu)
    responder = open_responder(settings.response, generator, settings.device, settings.require_gpu)
    folder_of_references = settings.references.folder
    source = from_folder(folder_of_references, generator.image_size) if folder_of_references else builtin()
    references = draw_references(source, settings.references.n_natural, generator.image_size, settings.seed)
    if outlets is None and isinstance(responder, TrialResponder):
        outlets = Outlets(MarkerOutlet(MARKERS, MARKERS.replace(" ", "-")))
    return EvolutionPlan(
        settings,
        title,
        generator,
        responder,
        references,
        outlets,
        folder,
        watermark,
        picture_notes(source),
        resume,
    )


def draw_references(source: PictureSource, n: int, size: int, seed: int) -> tuple[Picture, ...]:
    """`n` different pictures of `source`, `size` pixels a side: those that `seed` chooses.

    Raises
    ------
    SettingsError
        If there are not so many.
    """
    rng, chosen = np.random.default_rng([seed, 0, REFERENCES]), dict[str, Picture]()
    for _ in range(_TRIES):
        if len(chosen) >= n:
            break
        for picture in source.sample(rng, n, size):
            chosen.setdefault(picture.id, picture)
    if len(chosen) < n:
        raise SettingsError(
            f"{n} different reference pictures are wanted (references.n_natural); '{source.name}' has {len(chosen)}. Ask for "
            "fewer, or add pictures."
        )
    return tuple(chosen.values())[:n]
