"""The demo: a simulated participant is calibrated, then looks at pictures while its EEG is read live."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from bci_app.bundles import shipped
from bci_app.calibration.export import provenance_here
from bci_app.calibration.recipe import CalibrationRecipe, calibrate, gather
from bci_app.contract.bundle import Bundle
from bci_app.contract.manifest import Provenance
from bci_app.engine.plan import Outlets, SessionPlan
from bci_app.engine.settings import DemoSettings, Presentation, StreamChoice
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture
from bci_app.pictures.source import FolderSource, PictureSource, builtin, from_folder
from bci_app.simulation.process import ParticipantProcess
from bci_app.simulation.settings import ParticipantSettings
from bci_app.streams.markers import MarkerOutlet, PictureOutlet

GENERATOR = "pictures64"

_TRIES = 20
"""Batches without a new picture after which a source counts as exhausted."""

OnProgress = Callable[[int, int, str], None]


def picture_source(presentation: Presentation, size: int) -> PictureSource:
    """Where the pictures of a presentation come from, `size` pixels a side.

    Raises
    ------
    PictureError
        If its folder holds no readable picture.
    """
    return from_folder(presentation.folder, size) if presentation.folder else builtin(presentation.families)


def endless(source: PictureSource, rng: np.random.Generator, size: int, known: set[str]) -> Iterator[Picture]:
    """Pictures without end, none of those whose id is `known`, as long as the source has others."""
    tries = 0
    while True:
        batch = source.sample(rng, 16, size)
        fresh = [picture for picture in batch if picture.id not in known]
        tries = 0 if fresh else tries + 1
        yield from fresh if tries < _TRIES else batch


def simulated_calibration(
    folder: Path,
    participant: ParticipantSettings,
    pictures: tuple[Picture, ...],
    recipe: CalibrationRecipe,
    generator: Generator,
    soa_s: float,
    *,
    name: str,
    provenance: Provenance,
    on_progress: OnProgress,
) -> Bundle:
    """Record a calibration session of a simulated participant offline and make its decoder.

    Parameters
    ----------
    folder : Path
        Where the decoder bundle shall stand.
    participant : ParticipantSettings
        Who is calibrated.
    pictures : tuple of Picture
        Shown in this order, one every `soa_s` seconds.
    recipe : CalibrationRecipe
        How the reader is made.
    generator : Generator
        Its encoder gives the targets.
    on_progress : callable
        Called with (done, total, text).

    Returns
    -------
    Bundle
    """
    from bci_app.simulation.participant import simulate_session  # brings scipy.signal, half a second to import

    onsets = 1.0 + soa_s * np.arange(len(pictures))
    recording = simulate_session(
        participant,
        pictures,
        onsets,
        progress=lambda done, total: on_progress(done, total, "recording the calibration"),
    )
    images = np.stack([picture.image for picture in pictures])
    latents = dict(zip((picture.id for picture in pictures), generator.encode(images), strict=True))
    data = gather(recording, latents, recipe)
    return calibrate(
        folder,
        data,
        recipe,
        name=name,
        generator=generator.manifest,
        provenance=provenance,
        on_progress=on_progress,
    )


def picture_notes(source: PictureSource, n_calibrated: int = 0) -> tuple[str, ...]:
    """What the user should know of a folder of pictures: files left out, and pictures that are not new to the decoder."""
    if not isinstance(source, FolderSource):
        return ()
    notes, n_read, n_left_out = [], len(source.files), len(source.skipped)
    if source.skipped:
        named = ", ".join(each.path.name for each in source.skipped[:5]) + (" and others" if n_left_out > 5 else "")
        notes.append(
            f"{n_left_out} of {n_left_out + n_read} image files in folder '{source.name}' cannot be read and are left "
            f"out: {named}. Replace or remove them."
        )
    if n_calibrated >= n_read:
        notes.append(
            f"Folder '{source.name}' holds {n_read} pictures and all of them were shown in the calibration, so the decoder "
            "knows every picture of this session. Add pictures, or calibrate with fewer, to test it on new ones."
        )
    return tuple(notes)


def another_day(participant: ParticipantSettings) -> ParticipantSettings:
    """The same brain on another day, whose noise no decoder was made with; its streams have names that nobody else's have."""
    suffix = f"{int(time.time() * 1000):x}"
    return participant.model_copy(
        update={
            "session": participant.session + 1,
            "source_id": f"{participant.source_id}-{suffix}",
            "marker_name": f"{participant.marker_name} {suffix}",
            "picture_name": f"{participant.picture_name} {suffix}",
        }
    )


@contextmanager
def awake(participant: ParticipantSettings, stream: StreamChoice) -> Iterator[tuple[StreamChoice, Outlets]]:
    """A running participant under names of its own: its stream, and outlets that it listens to; it ends with the block."""
    own = another_day(participant)
    outlets = Outlets(
        MarkerOutlet(own.marker_name, f"{own.source_id}-markers"),
        PictureOutlet(own.picture_name, f"{own.source_id}-pictures"),
    )
    with closing(outlets), ParticipantProcess(own):
        outlets.wait_for_listeners(10.0)
        yield stream.model_copy(update={"source_id": own.source_id, "timeout_s": 15.0}), outlets


@contextmanager
def demo_plan(settings: DemoSettings, folder: Path, on_progress: OnProgress) -> Iterator[SessionPlan]:
    """Calibrate, start the participant, and give the plan of the session; the participant ends with the block.

    LSL must have been confined to this machine before (`streams.network.use_config`): child processes inherit it.
    """
    session = settings.session
    presentation = session.presentation
    assert presentation is not None, "DemoSettings refuses this"
    on_progress(0, 1, "opening the generator")
    generator = Generator.open(session.generator or shipped(GENERATOR), session.device, session.require_gpu)
    generator.require_encoder()
    size = generator.image_size
    source = picture_source(presentation, size)
    pictures = source.sample(np.random.default_rng(settings.calibration_seed), settings.calibration_trials, size)
    bundle = simulated_calibration(
        folder / "decoder",
        settings.participant,
        pictures,
        settings.recipe,
        generator,
        presentation.soa_s,
        name=f"simulated participant {settings.participant.seed}",
        provenance=provenance_here(
            " ".join(("bci-app", *sys.argv[1:])),
            settings.model_dump(mode="json"),
            (f"simulated participant, seed {settings.participant.seed}, {len(pictures)} trials: {source.name}",),
            "not recorded",
        ),
        on_progress=on_progress,
    )
    decoder = Decoder.open(bundle, generator, session.device, session.require_gpu)
    on_progress(0, 1, "waking the participant")
    with awake(settings.participant, session.stream) as (stream, outlets):
        yield SessionPlan(
            settings=session.model_copy(update={"stream": stream}),
            title="bci-app demo: simulated participant",
            decoder=decoder,
            generator=generator,
            pictures=endless(source, np.random.default_rng(session.seed + 1_000_003), size, {p.id for p in pictures}),
            outlets=outlets,
            folder=folder,
            watermark="SIMULATED PARTICIPANT",
            notes=picture_notes(source, len(pictures)),
        )
