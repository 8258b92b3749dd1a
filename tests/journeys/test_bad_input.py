"""Whatever comes in: one clear message, a status, no traceback; and a session that goes on where it can."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from bci_app.contract.bundle import open_bundle, write_bundle
from bci_app.contract.signal import Recording
from bci_app.streams.lsl import local_clock
from bci_app.streams.recordings import write_recording
from bci_app.streams.run_folder import read_run
from tests.journeys.conftest import CHANNELS, SFREQ, Command
from tests.sender import Sender

SHORT = {"timeout_s": 0.5}
"""Settings of a stream that is waited for in vain."""

# ---------------------------------------------------------------------------------------------------- bundles


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    raw = json.loads((folder / "manifest.json").read_text("utf-8"))
    change(raw)
    (folder / "manifest.json").write_text(json.dumps(raw), "utf-8")


def change_a_byte(folder: Path) -> None:
    content = bytearray((folder / "decoder.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "decoder.onnx").write_bytes(bytes(content))


def cut_a_file(folder: Path) -> None:
    path = folder / "decoder.onnx"
    path.write_bytes(path.read_bytes()[:-10])


def lead_out_of_the_folder(folder: Path) -> None:
    edit_manifest(folder, lambda raw: raw["files"].update({"../../etc/passwd": raw["files"]["card.md"]}))


def keep_weights_elsewhere(folder: Path) -> None:
    model = onnx.load(folder / "decoder.onnx")
    onnx.external_data_helper.convert_model_to_external_data(model, location="secret.bin", size_threshold=0)
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
    sound = open_bundle(folder)
    write_bundle(folder, sound.manifest, {**sound.contents, "decoder.onnx": model.SerializeToString()})


BROKEN_BUNDLES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a changed word": (
        lambda f: edit_manifest(f, lambda raw: raw["provenance"].update(licence="none")),
        "its seal is broken",
    ),
    "a changed byte": (change_a_byte, "decoder.onnx of bundle 'copy' is not the one that was exported"),
    "a cut file": (cut_a_file, "decoder.onnx of bundle 'copy' must have"),
    "an unknown key": (lambda f: edit_manifest(f, lambda raw: raw.update(extra=1)), "extra: Extra inputs"),
    "a newer version": (
        lambda f: edit_manifest(f, lambda raw: raw.update(format_version=9)),
        "version 9; this program",
    ),
    "a name that leads out": (lead_out_of_the_folder, "names must be plain, without folders. Do not use"),
    "weights elsewhere": (keep_weights_elsewhere, "must hold all its weights"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "a folder without manifest.json. Check the path"),
    "a manifest cut short": (lambda f: (f / "manifest.json").write_text('{"kind": '), "must be JSON"),
    "a stranger's file": (lambda f: (f / "run.sh").write_text("rm"), "does not list: run.sh. Remove them"),
}


@pytest.mark.parametrize("what", BROKEN_BUNDLES)
def test_a_broken_bundle_is_refused_by_check_and_by_run(
    tmp_path: Path, bundles: dict[str, Path], command: Command, what: str
) -> None:
    spoil, words = BROKEN_BUNDLES[what]
    shutil.copytree(bundles["trials"], tmp_path / "copy")
    spoil(tmp_path / "copy")
    assert words in command("check", tmp_path / "copy").complaint()
    run = command(
        "run", "--decoder", tmp_path / "copy", "--generator", bundles["generator"], "--folder", tmp_path / "runs"
    )
    assert words in run.complaint()
    assert not (tmp_path / "runs").exists()


def test_a_decoder_of_another_generator_is_refused(bundles: dict[str, Path], command: Command) -> None:
    complaint = command("run", "--decoder", bundles["trials"], "--generator", bundles["other"]).complaint()
    assert "learnt with the generator of latent space 'tiny-0'" in complaint
    assert "has 'tiny-1'" in complaint
    assert "Choose its own generator" in complaint


def test_the_two_kinds_of_bundle_are_not_mixed_up(bundles: dict[str, Path], command: Command) -> None:
    swapped = command("run", "--decoder", bundles["generator"], "--generator", bundles["trials"]).complaint()
    assert "must be a generator; it is of kind 'eeg-decoder'" in swapped


def test_a_decoder_must_be_named(command: Command) -> None:
    assert "Give its folder with --decoder" in command("run").complaint()


@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this machine has a GPU")
def test_a_gpu_that_is_required_and_not_there_is_an_error(
    tmp_path: Path, bundles: dict[str, Path], command: Command
) -> None:
    for arguments in (
        ("check", bundles["trials"]),
        ("run", "--decoder", bundles["trials"], "--generator", bundles["generator"]),
        ("demo", "--folder", tmp_path / "runs"),
    ):
        complaint = command(*arguments, "--require-gpu").complaint()
        assert "must run on the GPU; it does not, because" in complaint
        assert "Install bci-app[gpu]" in complaint
    assert list((tmp_path / "runs").iterdir()) == []


# ---------------------------------------------------------------------------------------------- configuration


@pytest.mark.parametrize("name", ["run", "demo"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour: red", "colour: Extra inputs are not permitted"),
        ("- 1", "all of it: Input should be a valid dictionary"),
        ("a: [1", "must be YAML; it is not"),
        (None, "cannot be read: No such file or directory. Check the path"),
    ],
)
def test_an_impossible_configuration_is_told(
    tmp_path: Path, command: Command, name: str, text: str | None, words: str
) -> None:
    path = tmp_path / "settings.yaml"
    if text is not None:
        path.write_text(text)
    complaint = command(name, "--config", path).complaint()
    assert words in complaint
    assert "settings.yaml" in complaint


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--for", "-1"), "duration_s: Input should be greater than 0, got -1.0"),
        (("run", "--device", "tpu"), "device: Input should be 'auto', 'cpu' or 'gpu', got 'tpu'"),
        (("demo", "--trials", "1"), "session.presentation.n_trials: Input should be greater than or equal to 2, got 1"),
        (("demo", "--seed", "-1"), "seed: Input should be greater than or equal to 0, got -1"),
        (("check", "nowhere", "--device", "tpu"), "'nowhere' is no such folder"),
    ],
)
def test_impossible_values_on_the_command_line_are_told(
    command: Command, arguments: tuple[str, ...], words: str
) -> None:
    assert words in command(*arguments).complaint()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, bundles: dict[str, Path], command: Command) -> None:
    (tmp_path / "file").write_text("")
    arguments = ("--decoder", bundles["windows"], "--generator", bundles["generator"], "--folder", tmp_path / "file")
    complaint = command("run", *arguments).complaint()
    assert "cannot be written to" in complaint
    assert "Choose another place" in complaint
    assert "--folder" in complaint
    assert "cannot be written to" in command("demo", "--folder", tmp_path / "file" / "deep").complaint()


# ----------------------------------------------------------------------------------------------------- streams


@pytest.fixture
def live(tmp_path: Path, bundles: dict[str, Path], command: Command) -> Command:
    """``bci-app run`` with the decoder named first; no window. It waits for a stream as long as a busy machine needs."""

    def run(decoder: str, *arguments: object, **settings: Any) -> Any:
        config = tmp_path / "run.json"  # JSON is YAML
        config.write_text(json.dumps({"stream": {"timeout_s": 10.0, **settings.pop("stream", {})}, **settings}))
        return command(
            "run", "--decoder", bundles[decoder], "--generator", bundles["generator"], "--folder", tmp_path / "runs",
            "--offscreen", "--config", config, *arguments,
        )  # fmt: skip

    return run


def summary(folder: Path) -> dict[str, Any]:
    """That of the one run below `folder`."""
    (path,) = folder.glob("runs/*/summary.json")
    read: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return read


def test_no_stream_at_all_is_told_by_streams_and_by_run(tmp_path: Path, live: Command, command: Command) -> None:
    listed = command("streams", "--for", "0.3").complaint()
    assert "At least one LSL stream was expected; none answered" in listed
    assert "firewall" in listed
    complaint = live("windows", stream=SHORT).complaint()
    assert "No stream with type 'EEG' answered within 0.5 s. Streams that are there: none" in complaint
    assert "Start the sender" in complaint
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"channels": ("O1", "O2", "P3")}, "needs channel(s) Oz, Pz; stream '{name}' has O1, O2, P3. Choose another"),
        ({"sfreq": 128.0}, "made for 100 Hz; stream '{name}' runs at 128 Hz. Set the amplifier"),
        ({"unit": "degrees"}, "must be a voltage (uV, mV, V, nV or the word); it says 'degrees'"),
        ({"unit": ""}, "it gives no unit. Set the unit at the sender, or declare it"),
    ],
)
def test_a_stream_of_another_kind_is_refused(live: Command, sent: dict[str, Any], words: str) -> None:
    with Sender(**{"channels": CHANNELS, "sfreq": SFREQ, **sent}) as sender:
        complaint = live("windows", "--source-id", sender.source_id).complaint()
    assert words.format(name=sender.name) in complaint


def test_a_stream_that_is_not_there_is_told_with_those_that_are(live: Command) -> None:
    with Sender(CHANNELS, SFREQ) as sender:
        complaint = live("windows", "--stream", "Muse", stream=SHORT).complaint()
        assert "No stream with name 'Muse'" in complaint
        assert sender.source_id in complaint
        complaint = live("trials", "--source-id", sender.source_id, "--markers", "nobody", stream=SHORT).complaint()
        assert "No stream with name 'nobody'" in complaint
        assert "no marker stream was named" in live("trials", "--source-id", sender.source_id).complaint()


def test_two_streams_of_one_name_must_be_told_apart(live: Command) -> None:
    with Sender(CHANNELS, SFREQ, name="twin") as one, Sender(CHANNELS, SFREQ, name="twin") as other:
        complaint = live("windows", "--stream", "twin").complaint()
        assert "One stream with name 'twin' was expected; 2 answer" in complaint
        assert one.source_id in complaint
        assert other.source_id in complaint
        assert "Choose one with --source-id" in complaint


def test_a_missing_unit_can_be_declared(tmp_path: Path, live: Command) -> None:
    with Sender(CHANNELS, SFREQ, unit="") as sender:
        outcome = live("windows", "--source-id", sender.source_id, "--unit", "mV", "--for", "1")
    assert outcome.status == 0, outcome.err
    assert "The session lasted the 1 s asked for." in outcome.out
    (run,) = (tmp_path / "runs").iterdir()
    recording = read_run(run)
    assert set(np.diff(recording.data[0])) <= {1000.0, -4095_000.0}


# ------------------------------------------------------------------------------------------ during the session


When = float | Callable[[], bool]


class Script(threading.Thread):
    """Does one thing after another once a session below `folder` has recorded a first sample.

    Each act comes so many seconds of signal after the one before it, or when something has come true: however busy the
    machine is, there is signal between two acts. To be listened to is no sign of a session: the search for streams
    listens too.
    """

    def __init__(self, folder: Path, sender: Sender, *acts: tuple[When, Callable[[], None]]) -> None:
        super().__init__(name="script", daemon=True)
        self._folder, self._sender, self._acts = folder, sender, acts
        self.start()

    def run(self) -> None:
        self._wait(lambda: any(path.stat().st_size for path in self._folder.glob("runs/*/eeg.f32")))
        for when, act in self._acts:
            self._wait(self._after(when) if isinstance(when, float) else when)
            act()

    def _after(self, seconds: float) -> Callable[[], bool]:
        due_s = self._sender.seconds + seconds
        return lambda: self._sender.seconds >= due_s

    def _wait(self, come: Callable[[], bool]) -> None:
        while not come():
            time.sleep(0.01)


def close_window() -> None:
    """End the session as Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


def onsets(folder: Path) -> list[float]:
    """LSL seconds at which the trials that were read so far began."""
    texts = [path.read_text("utf-8") for path in folder.glob("runs/*/trials.jsonl")]
    whole = [text[: text.rfind("\n") + 1] for text in texts]  # the last line may be in the middle of being written
    return [json.loads(line)["onset_s"] for text in whole for line in text.splitlines()]


def recorded_is_sent(folder: Path, sender: Sender) -> None:
    """Fails unless the raw recording is, sample by sample, a stretch of what the sender gave to the network."""
    (run,) = (folder / "runs").iterdir()
    recording, sent = read_run(run), np.hstack(sender.sent)
    first = int(np.flatnonzero(sent[0] == recording.data[0, 0])[0])
    np.testing.assert_array_equal(recording.data, sent[:, first : first + recording.n_times])


def test_nan_a_flat_channel_and_a_gap_are_told_and_the_session_goes_on(tmp_path: Path, live: Command) -> None:
    spoilt: set[str] = set()

    def spoil(data: np.ndarray, at_s: float) -> np.ndarray:
        if "nan" in spoilt:
            data[1] = np.nan
        if "flat" in spoilt:
            data[2] = 7.0
        return data

    with Sender(CHANNELS, SFREQ, marker_every_s=0.5, spoil=spoil) as sender:
        script = Script(
            tmp_path, sender,
            (0.8, lambda: spoilt.add("nan")), (0.2, lambda: spoilt.remove("nan")), (0.2, lambda: spoilt.add("flat")),
            (2.4, lambda: spoilt.remove("flat")), (0.4, lambda: sender.silence(True)), (0.4, lambda: sender.silence(False)),
            (1.0, lambda: None), (lambda: len(onsets(tmp_path)) >= 4, close_window),
        )  # fmt: skip
        outcome = live("trials", "--source-id", sender.source_id, "--markers", f"{sender.name} markers", "--for", "60")
        script.join()
    assert outcome.status == 0, outcome.err
    assert "Traceback" not in outcome.err
    found = summary(tmp_path)
    for words in (
        "channel(s) Oz hold NaN or infinity",
        "Channel(s) O2 have been flat for 2 s",
        "Channel(s) O2 move again.",
        "are missing: its time stamps jump by 0.",
        "No trial for the marker flash: samples are missing",
    ):
        assert sum(words in problem for problem in found["problems"]) >= 1, words
        assert words in outcome.err
    assert sum("NaN" in problem for problem in found["problems"]) == 1
    assert found["counts"]["gaps"] == 1
    assert found["counts"]["read"] >= 4
    assert found["counts"]["markers_without_trial"] >= 1
    recorded_is_sent(tmp_path, sender)


def test_a_stream_that_dies_and_comes_back_is_told_and_read_on(tmp_path: Path, live: Command) -> None:
    with Sender(CHANNELS, SFREQ, marker_every_s=0.5) as sender:
        revived: list[float] = []

        def revive() -> None:
            sender.revive()
            revived.append(local_clock())

        script = Script(
            tmp_path, sender,
            (lambda: bool(onsets(tmp_path)), sender.die), (1.0, revive),
            (lambda: max(onsets(tmp_path)) > revived[0], close_window),
        )  # fmt: skip
        outcome = live("trials", "--source-id", sender.source_id, "--markers", f"{sender.name} markers", "--for", "60")
        script.join()
    assert outcome.status == 0, outcome.err
    for words in ("broke off. It is taken back when it returns", "is back."):
        assert words in outcome.err
    found = summary(tmp_path)
    assert found["counts"]["gaps"] >= 1
    (run,) = (tmp_path / "runs").iterdir()
    times, recording = onsets(tmp_path), read_run(run)
    away = int(np.argmax(np.diff(recording.times)))
    assert min(times) < recording.times[away]
    assert recording.times[away + 1] - recording.times[away] > 0.9
    assert max(times) > revived[0]
    sent = np.hstack(sender.sent)
    assert set(zip(*recording.data.tolist(), strict=True)) <= set(zip(*sent.tolist(), strict=True))


def test_a_stream_that_dies_for_good_ends_the_session_with_its_results(tmp_path: Path, live: Command) -> None:
    with Sender(CHANNELS, SFREQ) as sender:
        script = Script(tmp_path, sender, (1.0, sender.die))
        outcome = live("windows", "--source-id", sender.source_id, stream={"give_up_s": 1.5})
        script.join()
    complaint = outcome.complaint()
    assert "were expected" in complaint
    assert "none came for" in complaint
    assert "What was recorded so far is kept. Check the amplifier" in complaint
    assert summary(tmp_path)["failed"]
    assert list((tmp_path / "runs").glob("*/report.html"))
    recorded_is_sent(tmp_path, sender)


# ---------------------------------------------------------------------------------------------------- pictures


def picture_folder(folder: Path, n_good: int) -> Path:
    (folder / "pictures").mkdir()
    for i in range(n_good):
        image = np.random.default_rng(i).integers(0, 255, (20, 20, 3), np.uint8)
        Image.fromarray(image).save(folder / "pictures" / f"{'long-name-' * 20}{i}.png")
    (folder / "pictures" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (folder / "pictures" / "empty.jpg").write_bytes(b"")
    return folder / "pictures"


def test_broken_pictures_are_counted_named_and_left_out(tmp_path: Path, live: Command) -> None:
    folder = picture_folder(tmp_path, 3)
    presentation = {"n_trials": 3, "soa_s": 0.4, "show_s": 0.2, "folder": str(folder)}
    with Sender(CHANNELS, SFREQ) as sender:
        outcome = live("trials", "--source-id", sender.source_id, presentation=presentation)
    assert outcome.status == 0, outcome.err
    words = "2 of 5 image files in folder 'pictures' cannot be read and are left out: broken.png, empty.jpg."
    assert outcome.err.count(words) == 1
    found = summary(tmp_path)
    assert words in found["problems"][0]
    assert found["identification"]["n_trials"] == 3


def test_a_folder_of_broken_pictures_alone_is_refused(
    tmp_path: Path, bundles: dict[str, Path], command: Command
) -> None:
    folder = picture_folder(tmp_path, 0)
    session = {"generator": str(bundles["generator"]), "presentation": {"folder": str(folder)}}
    (tmp_path / "demo.json").write_text(json.dumps({"session": session}))
    complaint = command("demo", "--config", tmp_path / "demo.json", "--folder", tmp_path / "runs").complaint()
    assert "None of the 2 image file(s) in 'pictures' can be read: 'broken.png', 'empty.jpg'" in complaint
    assert list((tmp_path / "runs").iterdir()) == []


# ------------------------------------------------------------------------------------------------------ replay


def test_a_recording_that_cannot_be_read_is_told(tmp_path: Path, bundles: dict[str, Path], command: Command) -> None:
    recording = Recording(np.ones((4, 50), np.float32), np.arange(50) / SFREQ, CHANNELS, SFREQ)
    write_recording(recording, tmp_path / "cut.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "cut.npz").read_bytes()[:-40])
    (tmp_path / "notes.txt").write_text("eeg")
    (tmp_path / "folder").mkdir()
    arguments = ("--decoder", bundles["windows"], "--generator", bundles["generator"], "--folder", tmp_path / "runs")
    for name, words in (
        ("missing.npz", "does not exist. Check the path"),
        ("notes.txt", "A recording ends in one of"),
        ("cut.npz", "is cut or damaged"),
        ("folder", "A run folder holds eeg.json"),
    ):
        complaint = command("replay", tmp_path / name, *arguments).complaint()
        assert words in complaint
        assert name.split(".")[0] in complaint
    assert "speed of 0 to 50" in command("replay", tmp_path / "cut.npz", *arguments, "--speed", "-1").complaint()
    assert not (tmp_path / "runs").exists()
