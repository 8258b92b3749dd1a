"""From a recorded session to a decoder: the journey, what is kept when nothing is read, and recordings that cannot be used."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.bundle import open_bundle, write_bundle
from bci_app.contract.manifest import DecoderManifest, GeneratorManifest
from bci_app.contract.signal import Chunk, Marker, Recording
from bci_app.engine.recorder import Recorder
from bci_app.pictures.source import builtin
from bci_app.simulation.participant import simulate_session
from bci_app.simulation.settings import ParticipantSettings
from bci_app.streams.recordings import write_recording
from tests.journeys.conftest import Command
from tests.tiny import SIZE

N, SOA_S = 60, 0.6
PARTICIPANT = ParticipantSettings(n_channels=8, sfreq=128.0, snr=3.0, drop_out_rate_hz=0.0, pop_rate_hz=0.0)


@dataclass(frozen=True)
class Recorded:
    """A session of a simulated participant: as a run folder, and as a recording of markers p00, p01 ... with images."""

    run: Path
    recording: Recording
    images: Path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    place = tmp_path_factory.mktemp("recorded")
    pictures = builtin().sample(np.random.default_rng(5), N, SIZE)
    simulated = simulate_session(PARTICIPANT, pictures, 1.0 + SOA_S * np.arange(N))
    run, images = place / "run-1", place / "images"
    run.mkdir()
    images.mkdir()
    problems: list[str] = []
    recorder = Recorder(run, simulated.channels, simulated.sfreq, problems.append, problems.append)
    recorder.start()
    recorder.raw(Chunk(simulated.data, 100 + simulated.times, 0))
    for trial, (marker, picture) in enumerate(zip(simulated.markers, pictures, strict=True)):
        recorder.marker(Marker(100 + marker.time, f"shown/{picture.id}"))
        recorder.trial({"trial": trial, "picture": picture.id})
        recorder.picture(f"trial_{trial:04d}_shown", picture.image)
        Image.fromarray(picture.image).save(images / f"p{trial:02d}.png")
    recorder.stop()
    assert recorder.join(5.0)
    assert problems == []
    markers = tuple(Marker(marker.time, f"p{trial:02d}") for trial, marker in enumerate(simulated.markers))
    return Recorded(run, replace(simulated, markers=markers, name="session"), images)


@pytest.fixture
def calibrate(tmp_path: Path, bundles: dict[str, Path], command: Command) -> Command:
    """``bci-app calibrate`` with the tiny generator; a recording that is no path is written first."""

    def run(*arguments: object) -> object:
        given = []
        for number, each in enumerate(arguments):
            if isinstance(each, Recording):
                path = tmp_path / f"{each.name}-{number}.npz"
                write_recording(each, path)
                each = path
            given.append(each)
        return command("calibrate", "--generator", bundles["generator"], "--folder", tmp_path / "runs", *given)

    return run  # type: ignore[return-value]


def test_a_run_folder_becomes_a_decoder_that_is_sound_and_reads_its_replay(
    tmp_path: Path, recorded: Recorded, bundles: dict[str, Path], calibrate: Command, command: Command
) -> None:
    began = time.monotonic()
    outcome = calibrate(recorded.run)
    assert time.monotonic() - began < 30
    assert outcome.status == 0, outcome.err
    for words in (
        "95 % interval",
        "chance",
        "noise",
        "shuffled",
        "0.500",
        "Held out: 5 folds by picture: none on both",
    ):
        assert words in outcome.out
    assert "The pictures were read from the EEG: the decoder's interval lies above chance" in outcome.out
    assert "reading the recordings ..." in outcome.err
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"Decoder: {folder / 'decoder'}" in outcome.out
    manifest = open_bundle(folder / "decoder").manifest
    assert isinstance(manifest, DecoderManifest)
    assert (manifest.name, len(manifest.trained_on)) == ("run-1", N)
    score = manifest.metrics[0]
    assert (score.n, score.chance) == (N, 0.5)
    assert score.low is not None
    assert score.low > 0.5
    assert None not in (score.noise_input, score.shuffled_pairing)
    checked = command("check", folder / "decoder")
    assert "Bundle 'run-1' (eeg-decoder) is sound." in checked.out
    again = command(
        "replay", recorded.run, "--decoder", folder / "decoder", "--generator", bundles["generator"], "--speed", "20",
        "--folder", tmp_path / "again", "--offscreen",
    )  # fmt: skip
    assert again.status == 0, again.err
    assert f"The recording has ended. {N} pictures were read from the EEG" in again.out


def test_pictures_of_a_folder_and_of_a_table_give_the_decoder_of_the_run(
    tmp_path: Path, recorded: Recorded, calibrate: Command
) -> None:
    table = recorded.images.parent / "shown.tsv"
    rows = [f"shown/p{trial:02d}\timages/p{trial:02d}.png" for trial in range(N)]
    table.write_text("\n".join(["marker\tfile", *rows]))
    graphs = []
    for number, arguments in enumerate(
        (
            (recorded.run,),
            (recorded.recording, "--pictures", recorded.images),
            (recorded.recording, "--pictures", table),
        )
    ):
        outcome = calibrate(*arguments, "--out", tmp_path / f"decoder-{number}", "--name", "Ada, run 1")
        assert outcome.status == 0, outcome.err
        bundle = open_bundle(tmp_path / f"decoder-{number}")
        assert bundle.manifest.name == "Ada run 1"
        graphs.append(bundle.read("decoder.onnx"))
    assert graphs[1] == graphs[2]
    assert len(graphs[0]) == len(graphs[1])
    assert not (tmp_path / "runs").exists()


def halves(recording: Recording) -> tuple[Recording, Recording]:
    """The recording as two runs with clocks of their own."""
    border = int((1.0 + SOA_S * (N // 2) - 0.05) * recording.sfreq)
    before = tuple(marker for marker in recording.markers if marker.time < recording.times[border])
    after = tuple(Marker(marker.time + 50, marker.label) for marker in recording.markers[len(before) :])
    return (
        replace(recording, data=recording.data[:, :border], times=recording.times[:border], markers=before, name="a"),
        replace(
            recording, data=recording.data[:, border:], times=recording.times[border:] + 50, markers=after, name="b"
        ),
    )


def test_several_runs_are_calibrated_on_together_whatever_the_order_of_their_channels(
    tmp_path: Path, recorded: Recorded, calibrate: Command
) -> None:
    first, second = halves(recorded.recording)
    turned = replace(second, data=second.data[::-1], channels=second.channels[::-1])
    outcome = calibrate(first, turned, "--pictures", recorded.images, "--out", tmp_path / "decoder")
    assert outcome.status == 0, outcome.err
    assert "none on both sides, trials of 2 recordings together" in outcome.out
    manifest = open_bundle(tmp_path / "decoder").manifest
    assert manifest.metrics[0].n in (N - 1, N)  # one trial lies across the border
    assert manifest.provenance.data == ("a: 30 pictures shown", "b: 30 pictures shown")


def test_markers_without_picture_and_channels_left_out_are_told_and_left_out(
    tmp_path: Path, recorded: Recorded, calibrate: Command
) -> None:
    pauses = tuple(Marker(marker.time + 0.3, "pause") for marker in recorded.recording.markers[:4])
    late = (Marker(float(recorded.recording.times[-1]) - 0.1, "p00"),)
    markers = (*recorded.recording.markers, *pauses, *late)
    bad = recorded.recording.channels[3]
    spoilt = recorded.recording.data.copy()
    spoilt[3] = np.nan
    recording = replace(recorded.recording, data=spoilt, markers=markers)
    outcome = calibrate(
        recording, "--pictures", recorded.images, "--leave-out", bad, "--out", tmp_path / "decoder", "--keep-anyway"
    )
    assert outcome.status == 0, outcome.err
    assert outcome.err.count("1 of 61 marker labels (4 markers) have no picture: pause.") == 1
    assert f"1 of {N + 1} pictures shown gave no complete trial" in outcome.err
    manifest = open_bundle(tmp_path / "decoder").manifest
    assert isinstance(manifest, DecoderManifest)
    assert set(manifest.channels) == set(recorded.recording.channels) - {bad}


def test_a_decoder_that_reads_nothing_is_written_only_if_that_is_asked_for(
    tmp_path: Path, recorded: Recorded, calibrate: Command
) -> None:
    noise = np.random.default_rng(0).normal(0, 10, recorded.recording.data.shape).astype(np.float32)
    arguments = (replace(recorded.recording, data=noise), "--pictures", recorded.images)
    outcome = calibrate(*arguments)
    assert "write it all the same with --keep-anyway" in outcome.complaint()
    assert "This does not show that pictures were read from the EEG" in outcome.out
    assert "95 % interval" in outcome.out
    assert not list((tmp_path / "runs").glob("**/manifest.json"))
    kept = calibrate(*arguments, "--keep-anyway")
    assert kept.status == 0, kept.err
    assert "This does not show" in kept.out
    assert len(list((tmp_path / "runs").glob("*/decoder/manifest.json"))) == 1


def test_what_stands_in_the_place_is_replaced_only_if_it_is_a_decoder(
    tmp_path: Path, recorded: Recorded, bundles: dict[str, Path], calibrate: Command
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.png").write_bytes(b"precious")
    for place in (tmp_path / "photos", tmp_path / "photos" / "mine.png", bundles["generator"]):
        complaint = calibrate(recorded.run, "--out", place).complaint()
        assert f"'{place}' is something else. Choose another place with --out" in complaint
    assert (tmp_path / "photos" / "mine.png").read_bytes() == b"precious"
    shutil.copytree(bundles["trials"], tmp_path / "old")
    assert calibrate(recorded.run, "--out", tmp_path / "old").status == 0
    assert open_bundle(tmp_path / "old").manifest.name == "run-1"


# ------------------------------------------------------------------------------------- recordings that cannot be used


def with_data(recording: Recording, spoil: Callable[[np.ndarray], None]) -> Recording:
    data = recording.data.copy()
    spoil(data)
    return replace(recording, data=data)


def labelled(recording: Recording, label: Callable[[int], str]) -> Recording:
    return replace(
        recording, markers=tuple(Marker(each.time, label(number)) for number, each in enumerate(recording.markers))
    )


def put_nan(data: np.ndarray) -> None:
    data[2, 100] = np.nan


def flatten(data: np.ndarray) -> None:
    data[1] = 7.0


BAD: dict[str, tuple[Callable[[Recording], Recording], str]] = {
    "no markers": (lambda r: replace(r, markers=()), "'session' has no markers, so it is not known when which picture"),
    "no known picture": (lambda r: labelled(r, lambda i: f"face {i}"), "none of its 60 labels (face 0, face 1, face 2"),
    "one picture only": (lambda r: labelled(r, lambda i: "p00"), "needs at least 10 different pictures; got 1"),
    "fewer trials than folds": (
        lambda r: replace(r, markers=r.markers[:4]),
        "at least 10 trials whose picture is known",
    ),
    "a channel of NaN": (
        lambda r: with_data(r, put_nan),
        "hold finite numbers; channel(s) {channel2} hold NaN or infinity. Check the electrode "
        "for the next recording; in this one, leave the channel out with --leave-out NAME.",
    ),
    "a flat channel": (
        lambda r: with_data(r, flatten),
        "must vary; channel(s) {channel1} are flat. Check the electrode",
    ),
    "no sample": (
        lambda r: replace(r, data=r.data[:, :0], times=r.times[:0]),
        "'session' must hold samples; it holds none",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_a_recording_that_cannot_be_used_is_told_in_one_message(
    tmp_path: Path, recorded: Recorded, calibrate: Command, what: str
) -> None:
    spoil, words = BAD[what]
    complaint = calibrate(spoil(recorded.recording), "--pictures", recorded.images).complaint()
    names = {f"channel{number}": name for number, name in enumerate(recorded.recording.channels)}
    assert words.format(**names) in complaint
    assert list(tmp_path.glob("runs/**/*")) == []


def test_runs_that_do_not_belong_together_are_refused(recorded: Recorded, calibrate: Command) -> None:
    whole = recorded.recording
    renamed = replace(whole, channels=(*whole.channels[:-1], "T9"), name="other")
    complaint = calibrate(whole, renamed, "--pictures", recorded.images).complaint()
    assert "'session' has 8, 'other' has 8, and only one of them has" in complaint
    assert "T9" in complaint
    slower = replace(whole, sfreq=127.0, name="slower")
    complaint = calibrate(whole, slower, "--pictures", recorded.images).complaint()
    assert "'session' has 128 Hz, 'slower' 127 Hz" in complaint
    assert "each only once" in calibrate(recorded.run, recorded.run).complaint()
    assert "Correct --leave-out" in calibrate(recorded.run, "--leave-out", "Nz").complaint()


def test_a_truncated_file_a_table_of_other_pictures_and_no_pictures_are_told(
    tmp_path: Path, recorded: Recorded, calibrate: Command
) -> None:
    write_recording(recorded.recording, tmp_path / "cut.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "cut.npz").read_bytes()[:-400])
    assert "is cut or damaged" in calibrate(tmp_path / "cut.npz", "--pictures", recorded.images).complaint()
    (tmp_path / "list.csv").write_text("marker,file\nq00,q00.png\n")
    complaint = calibrate(recorded.recording, "--pictures", tmp_path / "list.csv").complaint()
    assert "none of its 60 labels (p00, p01, p02, p03, p04 and 55 more)" in complaint
    assert "which has q00" in complaint
    assert (
        "none were named. Give a folder of images named like the markers" in calibrate(recorded.recording).complaint()
    )
    assert "does not exist. Check the path" in calibrate(tmp_path / "nowhere").complaint()


def test_a_generator_without_encoder_and_an_impossible_recipe_are_told(
    tmp_path: Path, recorded: Recorded, bundles: dict[str, Path], calibrate: Command
) -> None:
    whole = open_bundle(bundles["generator"])
    assert isinstance(whole.manifest, GeneratorManifest)
    manifest = whole.manifest.model_copy(
        update={"inputs": whole.manifest.inputs[:1], "outputs": whole.manifest.outputs[:1]}
    )
    write_bundle(tmp_path / "draws", manifest, {k: v for k, v in whole.contents.items() if k != "encoder.onnx"})
    complaint = calibrate(recorded.run, "--generator", tmp_path / "draws").complaint()
    assert "has no encoder" in complaint
    assert "Choose a generator with an encoder" in complaint
    (tmp_path / "recipe.json").write_text(json.dumps({"n_folds": 1}))
    complaint = calibrate(recorded.run, "--config", tmp_path / "recipe.json").complaint()
    assert "n_folds: Input should be greater than or equal to 2, got 1" in complaint
