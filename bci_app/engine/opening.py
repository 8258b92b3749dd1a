"""From settings to a plan: models opened and joined, replays started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bci_app.bundles import shipped
from bci_app.contract.bundle import open_bundle
from bci_app.contract.errors import PictureError, SettingsError, StreamError
from bci_app.contract.lines import read_lines
from bci_app.contract.manifest import TextManifest
from bci_app.engine.demo import GENERATOR, endless, picture_notes, picture_source
from bci_app.engine.plan import Outlets, SessionPlan
from bci_app.engine.settings import SessionSettings, StreamChoice
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture
from bci_app.pictures.shown import read_shown
from bci_app.streams.bad_channels import read_bad_channels
from bci_app.streams.markers import MarkerOutlet
from bci_app.streams.replay import Pace, ReplayProcess

MARKERS = "bci-app markers"


def open_models(settings: SessionSettings) -> tuple[Decoder, Generator]:
    """Decoder and generator of a session.

    Raises
    ------
    SettingsError
        If no decoder is named, since which one fits depends on the participant; or it reads sentences.
    BundleError, DeviceError
        If a bundle is not sound, the two do not belong together, or the GPU that was required is not used.
    """
    if settings.decoder is None:
        raise SettingsError(
            "A decoder bundle is needed, since every participant and cap needs its own; none was named. Give its folder with "
            "--decoder. `bci-app calibrate RECORDING --pictures PLACE` makes one from a recording and the pictures shown in "
            "it; `bci-app demo` makes one for its simulated participant (RUN/decoder)."
        )
    opened = open_bundle(settings.decoder)
    if isinstance(opened.manifest, TextManifest):
        raise SettingsError(
            f"Pictures are read with a decoder of pictures; '{opened.folder.name}' is a text bundle. It reads sentences: use "
            f"`bci-app read --decoder {opened.folder}` (in the window: the page Read)."
        )
    generator = Generator.open(settings.generator or shipped(GENERATOR), settings.device, settings.require_gpu)
    return Decoder.open(opened, generator, settings.device, settings.require_gpu), generator


def open_plan(
    settings: SessionSettings, title: str, folder: Path | None, watermark: str = "", outlets: Outlets | None = None
) -> SessionPlan:
    """The plan of a session on a live stream; pictures are shown if the settings say so, and announced on `outlets` if given."""
    decoder, generator = open_models(settings)
    plan = SessionPlan(settings, title, decoder, generator, folder=folder, watermark=watermark)
    if settings.presentation is not None:
        generator.require_encoder()
        source = picture_source(settings.presentation, generator.image_size)
        plan.notes = picture_notes(source)
        plan.pictures = endless(
            source, np.random.default_rng(settings.seed), generator.image_size, set(decoder.manifest.trained_on)
        )
        plan.outlets = outlets or Outlets(MarkerOutlet(MARKERS, MARKERS.replace(" ", "-")))
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
    file, speed, stream, unit, partial
        See `replay_of`.
    """
    decoder, generator = open_models(settings)
    with replay_of(file, settings.stream, speed, stream, unit, partial) as playing:
        yield SessionPlan(
            settings.model_copy(update={"stream": playing.stream}),
            f"bci-app replay of {file.name}",
            decoder,
            generator,
            watermark="REPLAY",
            source_ended=playing.has_ended,
            stamps_are_live=playing.speed == 1,
            shown=shown_in(file, generator),
        )


def shown_in(recording: Path, generator: Generator) -> dict[str, Picture]:
    """The pictures that a recorded session kept, by the label of their markers; none of another recording.

    None either for a generator without encoder: what is read could not be compared with them.
    """
    if not (recording / "trials.jsonl").is_file() or not generator.manifest.has_encoder:
        return {}
    labels = [str(line["picture"]) for line in read_lines(recording / "trials.jsonl") if line.get("picture")]
    try:
        return read_shown(recording, labels, generator.image_size)
    except PictureError:
        return {}  # as one whose pictures were not kept


@dataclass(frozen=True, slots=True)
class Playing:
    """A recording that is being played: its `stream`, its `speed`, and whether the whole of it has been played (StreamError
    if the player ended before)."""

    stream: StreamChoice
    speed: float
    has_ended: Callable[[], bool]


@contextmanager
def replay_of(
    file: Path,
    choice: StreamChoice,
    speed: float,
    stream: str | None = None,
    unit: str | None = None,
    partial: bool = False,
) -> Iterator[Playing]:
    """Play a recording as a live stream; the player ends with the block.

    Parameters
    ----------
    file : Path
        A recording, or a run folder of this program.
    choice : StreamChoice
        What else is wanted of the stream, such as its patience.
    speed : float
        Times real time; 0 for as fast as nothing gets lost.
    stream, unit, partial
        See `bci_app.streams.recordings.read_recording`.
    """
    pace, name = Pace(speed=speed), f"Replay of {file.name}"
    bad = tuple(dict.fromkeys((*choice.bad, *read_bad_channels(file))))
    with ReplayProcess(file, name=name, pace=pace, stream=stream, unit=unit, partial=partial) as player:
        markers = player.marker_description.name
        found = choice.model_copy(update={"source_id": player.source_id, "markers": markers, "bad": bad})
        yield Playing(found, player.speed, lambda: has_ended(player))


def has_ended(player: ReplayProcess) -> bool:
    """Whether the whole recording was played; StreamError if the player ended before."""
    if player.running:
        return False
    if player.failure:
        raise StreamError(player.failure)
    return True
