"""From settings to a plan: models opened and joined, replays started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bci_app.bundles import shipped
from bci_app.contract.errors import SettingsError, StreamError
from bci_app.engine.demo import GENERATOR, endless, picture_notes, picture_source
from bci_app.engine.plan import Outlets, SessionPlan
from bci_app.engine.settings import SessionSettings
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.streams.markers import MarkerOutlet
from bci_app.streams.replay import Pace, ReplayProcess

MARKERS = "bci-app markers"


def open_models(settings: SessionSettings) -> tuple[Decoder, Generator]:
    """Decoder and generator of a session.

    Raises
    ------
    SettingsError
        If no decoder is named: which one fits depends on the participant.
    BundleError, DeviceError
        If a bundle is not sound, the two do not belong together, or the GPU that was required is not used.
    """
    if settings.decoder is None:
        raise SettingsError(
            "A decoder bundle is needed, since every participant and cap needs its own; none was named. Give its folder with "
            "--decoder. `bci-app calibrate RECORDING --pictures PLACE` makes one from a recording and the pictures shown in "
            "it; `bci-app demo` makes one for its simulated participant (RUN/decoder)."
        )
    generator = Generator.open(settings.generator or shipped(GENERATOR), settings.device, settings.require_gpu)
    return Decoder.open(settings.decoder, generator, settings.device, settings.require_gpu), generator


def open_plan(settings: SessionSettings, title: str, folder: Path | None, watermark: str = "") -> SessionPlan:
    """The plan of a session on a live stream; pictures are shown if the settings say so."""
    decoder, generator = open_models(settings)
    plan = SessionPlan(settings, title, decoder, generator, folder=folder, watermark=watermark)
    if settings.presentation is not None:
        generator.require_encoder()
        source = picture_source(settings.presentation, generator.image_size)
        plan.notes = picture_notes(source)
        plan.pictures = endless(
            source, np.random.default_rng(settings.seed), generator.image_size, set(decoder.manifest.trained_on)
        )
        plan.outlets = Outlets(MarkerOutlet(MARKERS, MARKERS.replace(" ", "-")))
    return plan


@contextmanager
def replay_plan(
    settings: SessionSettings,
    file: Path,
    speed: float,
    stream: str | None = None,
    unit: str | None = None,
    partial: bool = False,
) -> Iterator[SessionPlan]:
    """The plan of a session on a recording that is played back; the player ends with the block.

    Replaying what a model was trained on always looks good: it tests the software, not the decoding.

    Parameters
    ----------
    settings : SessionSettings
        Its stream becomes that of the player.
    file : Path
        A recording, or a run folder of this program.
    speed : float
        Times real time; 0 for as fast as nothing gets lost.
    stream, unit, partial
        See `bci_app.streams.recordings.read_recording`.
    """
    pace = Pace(speed=speed)
    decoder, generator = open_models(settings)
    with ReplayProcess(
        file, name=f"Replay of {file.name}", pace=pace, stream=stream, unit=unit, partial=partial
    ) as player:
        choice = settings.stream.model_copy(
            update={"source_id": player.source_id, "markers": player.marker_description.name}
        )
        yield SessionPlan(
            settings.model_copy(update={"stream": choice}),
            f"bci-app replay of {file.name}",
            decoder,
            generator,
            watermark="REPLAY",
            source_ended=lambda: _has_ended(player),
            stamps_are_live=player.speed == 1,
        )


def _has_ended(player: ReplayProcess) -> bool:
    """Whether the whole recording was played; StreamError if the player ended before."""
    if player.running:
        return False
    if player.failure:
        raise StreamError(player.failure)
    return True
