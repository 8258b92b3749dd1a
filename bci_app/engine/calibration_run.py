"""From recorded sessions and the pictures shown in them to a decoder bundle: what command line and window both ask for."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_app.bundles import shipped
from bci_app.calibration.export import provenance_here
from bci_app.calibration.recipe import CalibrationData, CalibrationRecipe, calibrate, gather
from bci_app.contract.bundle import MANIFEST, Bundle, open_bundle, write_bundle
from bci_app.contract.checks import check_finite, check_not_flat, flat_channels, listed
from bci_app.contract.errors import ChannelError, PictureError, RateError, RecordingError, SettingsError, UnitError
from bci_app.contract.manifest import DecoderManifest, GeneratorManifest, Score
from bci_app.contract.signal import Marker, Recording
from bci_app.engine.demo import GENERATOR
from bci_app.engine.verdict import verdict_of
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.inference.session import Device
from bci_app.pictures.picture import Picture, picture_hash
from bci_app.pictures.shown import picture_label, read_shown, without_picture
from bci_app.streams.bad_channels import bad_in_any
from bci_app.streams.recordings import read_recording

logger = logging.getLogger(__name__)

_BETWEEN_RUNS_S = 3600.0
"""Between two recordings that are calibrated on together: far more than any trial reaches."""

_ADVICE = "Check the electrode for the next recording; in this one, leave the channel out with --leave-out NAME."

OnProgress = Callable[[int, int, str], None]
Latents = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """What a calibration is made from.

    Parameters
    ----------
    recordings : tuple of Path
        Runs of one participant with one cap: run folders of this program, or files as `read_recording` takes them.
    pictures : Path, optional
        Where the pictures are, see `read_shown`; a run folder holds its own.
    generator : Path, optional
        Bundle with an encoder; None for the one that comes with the program.
    name : str, optional
        Of the decoder; None for that of the first recording.
    recipe : CalibrationRecipe
        How the reader is made.
    leave_out : tuple of str
        Channels that are not used, besides those that were marked bad in any of the recordings.
    without_unusable : bool
        Whether channels that do not move or hold NaN in any of the recordings are left out, and told in the notes, instead of
        being refused.
    stream, unit, partial
        See `read_recording`.
    device, require_gpu
        Where the encoder runs.
    """

    recordings: tuple[Path, ...]
    pictures: Path | None = None
    generator: Path | None = None
    name: str | None = None
    recipe: CalibrationRecipe = field(default_factory=CalibrationRecipe)
    leave_out: tuple[str, ...] = ()
    without_unusable: bool = False
    stream: str | None = None
    unit: str | None = None
    partial: bool = False
    device: Device = "auto"
    require_gpu: bool = False


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """A decoder that stands nowhere yet: `keep` puts it in its place.

    `score` is its cross-validated identification, `convincing` whether that shows that pictures were read, `verdict` the
    sentence that says so; `notes` are what the user should know of the recordings.
    """

    draft: Bundle
    score: Score
    convincing: bool
    verdict: str
    notes: tuple[str, ...]


def run_calibration(
    request: CalibrationRequest, on_progress: OnProgress = lambda done, total, text: None, command: str = "bci-app"
) -> CalibrationResult:
    """Read the recordings and their pictures, cross-validate, and fit; any thread.

    Parameters
    ----------
    request : CalibrationRequest
        From what, and how.
    on_progress : callable
        Called with (done, total, text) in this thread; what it raises ends the calibration.
    command : str
        Kept in the bundle as what made it.

    Raises
    ------
    BciError
        Whatever cannot be: a recording that cannot be read, has no markers or another cap; a channel that is flat or
        holds NaN; pictures that are not found; too few trials or pictures; a generator without encoder.
    """
    on_progress(0, 1, "opening the generator")
    generator = Generator.open(request.generator or shipped(GENERATOR), request.device, request.require_gpu)
    generator.require_encoder()
    recordings, pictures, notes = _read(request, generator.image_size, on_progress)
    on_progress(0, 1, "encoding the pictures")
    codes = generator.encode(np.stack([picture.image for picture in pictures]))
    data = gather(_together(recordings), dict(zip((each.id for each in pictures), codes, strict=True)), request.recipe)
    notes += _lost(recordings, len(data.windows))
    name = decoder_name(request.name or recordings[0].name)
    draft = _fit(request, data, recordings, generator.manifest, name, command, on_progress)
    Decoder.open(draft, generator, request.device, request.require_gpu)
    assert isinstance(draft.manifest, DecoderManifest)
    score = draft.manifest.metrics[0]
    convincing, sentence = verdict_of(score, draft.manifest.signal)
    return CalibrationResult(draft, score, convincing, sentence, notes)


def keep(result: CalibrationResult, place: Path) -> Bundle:
    """Put the decoder of a calibration into its place, where another decoder may stand."""
    check_place(place)
    return write_bundle(place, result.draft.manifest, result.draft.contents)


def check_place(place: Path) -> None:
    """Raise SettingsError if something stands at `place` that is no decoder bundle, and would be replaced."""
    empty = place.is_dir() and not any(place.iterdir())
    if not place.exists() or empty:
        return
    if not ((place / MANIFEST).is_file() and isinstance(open_bundle(place).manifest, DecoderManifest)):
        raise SettingsError(
            f"The decoder is written to a new folder, or over an older decoder; '{place}' is something else. Choose "
            "another place with --out."
        )


def decoder_name(text: str) -> str:
    """`text` as a bundle may be called."""
    return re.sub(r"[^A-Za-z0-9._-]+", " ", text).strip(" ._-")[:80].strip() or "decoder"


def _fit(
    request: CalibrationRequest,
    data: CalibrationData,
    recordings: Sequence[Recording],
    generator: GeneratorManifest,
    name: str,
    command: str,
    on_progress: OnProgress,
) -> Bundle:
    """The decoder bundle, read into memory from a place that is gone again."""
    counts = tuple(f"{each.name}: {len(each.markers)} pictures shown" for each in recordings)
    provenance = provenance_here(command, request.recipe.model_dump(mode="json"), counts, "not recorded")
    with tempfile.TemporaryDirectory(prefix="bci-app-calibration-") as place:
        return calibrate(
            Path(place) / "decoder",
            data,
            request.recipe,
            name=name,
            generator=generator,
            provenance=provenance,
            on_progress=on_progress,
        )


# -- recordings and their pictures -----------------------------------------------------------------------------------


def _read(
    request: CalibrationRequest, size: int, on_progress: OnProgress
) -> tuple[list[Recording], list[Picture], tuple[str, ...]]:
    """The recordings, their markers labelled by picture id; the different pictures; what the user should know."""
    if not request.recordings or len({path.resolve() for path in request.recordings}) < len(request.recordings):
        raise SettingsError("A calibration needs at least one recording, and each only once. Name the recordings.")
    recordings: list[Recording] = []
    pictures: dict[str, Picture] = {}
    read: list[Recording] = []
    for done, path in enumerate(request.recordings):
        on_progress(done, len(request.recordings), "reading the recordings")
        read.append(read_recording(path, stream=request.stream, unit=request.unit, partial=request.partial))
    request, notes = _without_bad(request, read)
    for path, whole in zip(request.recordings, read, strict=True):
        recording = _sound(whole, request)
        _check_same_cap(recordings[0] if recordings else recording, recording)
        place = request.pictures or (path if path.is_dir() else None)
        if place is None:
            raise PictureError(
                f"The pictures shown in recording '{path}' are needed; none were named. Give a folder of images named like "
                "the markers, or a table (.tsv or .csv) with the columns marker and file, with --pictures."
            )
        labels = [marker.label for marker in recording.markers]
        shown = read_shown(place, labels, size)
        notes += [f"Recording '{recording.name}': {note}" for note in (without_picture(labels, shown),) if note]
        same = {label: pictures.setdefault(picture_hash(each.image), each) for label, each in shown.items()}
        recordings.append(_relabelled(_in_order(recording, recordings), same))
    return recordings, list(pictures.values()), tuple(notes)


def _without_bad(request: CalibrationRequest, recordings: Sequence[Recording]) -> tuple[CalibrationRequest, list[str]]:
    """The request with the channels left out that are marked bad in any of its recordings, and notes that say which.

    A decoder reads the same channels in every run, so what is bad in one is left out of all.
    """
    bad = {"marked bad": tuple(bad_in_any(request.recordings))}
    if request.without_unusable:
        bad["flat or without numbers"] = tuple(
            dict.fromkeys(name for each in recordings for name in unusable_channels(each))
        )
    notes = []
    for why, channels in bad.items():
        names = tuple(name for name in channels if name not in request.leave_out)
        if names:
            request = replace(request, leave_out=request.leave_out + names)
            notes.append(f"Left out, as {why}: {listed(names)}.")
    return request, notes


def unusable_channels(recording: Recording) -> tuple[str, ...]:
    """Names of the channels of which nothing can be learnt: all samples are the same, or some are no numbers."""
    no_numbers = np.flatnonzero(~np.isfinite(recording.data).all(axis=1))
    unusable = {*flat_channels(recording.data, recording.channels), *(recording.channels[row] for row in no_numbers)}
    return tuple(name for name in recording.channels if name in unusable)


def _sound(recording: Recording, request: CalibrationRequest) -> Recording:
    """The recording without the channels left out; refused if it is no EEG with markers, or a channel is unusable."""
    what = f"The recording '{recording.name}'"
    if recording.unit != "uV":
        raise UnitError(
            f"A calibration reads EEG, in microvolts; {what[0].lower()}{what[1:]} is in '{recording.unit}'. For voxels and "
            "spike counts, train a decoder in the workshop: python -m training.train_reader."
        )
    if recording.n_times == 0:
        raise RecordingError(f"{what} must hold samples; it holds none. Choose another one.")
    if not recording.markers:
        raise SettingsError(
            f"{what} has no markers, so it is not known when which picture was shown. Record the stream of markers with it."
        )
    unknown = [name for name in request.leave_out if name not in recording.channels]
    kept = [index for index, name in enumerate(recording.channels) if name not in request.leave_out]
    if unknown or not kept:
        raise ChannelError(
            f"Channels that are left out must be some of the recording's, not all; '{recording.name}' has "
            f"{', '.join(recording.channels)}, and left out are {', '.join(request.leave_out)}. Correct --leave-out."
        )
    recording = replace(
        recording, data=recording.data[kept], channels=tuple(recording.channels[index] for index in kept)
    )
    check_finite(recording.data, recording.channels, what, _ADVICE)
    check_not_flat(recording.data, recording.channels, what, _ADVICE)
    return recording


def _check_same_cap(first: Recording, other: Recording) -> None:
    """Raise ChannelError or RateError unless both can be calibrated on together."""
    differing = sorted(set(first.channels) ^ set(other.channels))
    if differing:
        raise ChannelError(
            f"Recordings that are calibrated on together must have the same channels; '{first.name}' has "
            f"{len(first.channels)}, '{other.name}' has {len(other.channels)}, and only one of them has "
            f"{', '.join(differing[:8])}{' and others' if len(differing) > 8 else ''}. Take recordings of one cap, or leave "
            "channels out with --leave-out."
        )
    if first.sfreq != other.sfreq:
        raise RateError(
            f"Recordings that are calibrated on together must have one rate; '{first.name}' has {first.sfreq:g} Hz, "
            f"'{other.name}' {other.sfreq:g} Hz. Take recordings of one rate."
        )


def _in_order(recording: Recording, before: Sequence[Recording]) -> Recording:
    """The recording with its channels in the order of those before it."""
    if not before or before[0].channels == recording.channels:
        return recording
    order = [recording.channels.index(name) for name in before[0].channels]
    return replace(recording, data=recording.data[order], channels=before[0].channels)


def _relabelled(recording: Recording, shown: dict[str, Picture]) -> Recording:
    """Only the markers whose picture is known, labelled by its id: pictures of other names may be the same."""
    named = ((marker, shown.get(picture_label(marker.label))) for marker in recording.markers)
    return replace(recording, markers=tuple(Marker(marker.time, each.id) for marker, each in named if each))


def _together(recordings: Sequence[Recording]) -> Recording:
    """The runs one after the other, with a long gap between them, across which nothing is filtered or cut."""
    if len(recordings) == 1:
        return recordings[0]
    times: list[NDArray[np.float64]] = []
    markers: list[Marker] = []
    begin = 0.0
    for each in recordings:
        shift = begin - float(each.times[0])
        times.append(each.times + shift)
        markers += [Marker(marker.time + shift, marker.label) for marker in each.markers]
        begin = float(times[-1][-1]) + _BETWEEN_RUNS_S
    data = np.concatenate([each.data for each in recordings], axis=1)
    names = " + ".join(each.name for each in recordings)
    return replace(recordings[0], data=data, times=np.concatenate(times), markers=tuple(markers), name=names)


def _lost(recordings: Sequence[Recording], n_trials: int) -> tuple[str, ...]:
    n_markers = sum(len(each.markers) for each in recordings)
    if n_trials == n_markers:
        return ()
    note = f"{n_markers - n_trials} of {n_markers} pictures shown gave no complete trial: samples are missing there."
    logger.warning("%s", note)
    return (note,)
