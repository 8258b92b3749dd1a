"""The doctor says what is there, what is wrong, and what to do; on this machine nothing essential is."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from bci_app.contract.errors import DeviceError, NoStreamError
from bci_app.engine import doctor, doctor_models, doctor_network
from bci_app.engine.doctor import Check, examine, run_alone, software, storage, windows
from bci_app.engine.doctor_models import models
from bci_app.engine.doctor_network import network
from bci_app.engine.open_ports import open_ports
from bci_app.engine.session_file import begin_session
from bci_app.streams.network import VARIABLE, config_in_force

Usage = namedtuple("Usage", "total used free")


def by_name(checks: object) -> dict[str, Check]:
    return {check.name: check for check in checks}  # type: ignore[attr-defined]


def test_nothing_essential_is_wrong_where_the_tests_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    checks = list(examine(tmp_path / "runs", display=True, config=config_in_force()))
    assert [check for check in checks if check.state == "wrong"] == []
    found = by_name(checks)
    assert found["really run on"].value.startswith(("CPU", "GPU"))
    assert found["a picture is made"].value.endswith("golden vectors agree")
    assert found["own stream on this machine"].value.startswith("found and heard")
    assert Path(found["configuration"].value).is_file(), "the tests have a network of their own"
    assert "TCP 0.0.0.0:" in found["open ports"].value, "REALTIME: the data socket is open on all interfaces"
    assert "firewall" in found["open ports"].advice
    assert all(check.advice for check in checks if check.state != "fine")
    assert not (tmp_path / "runs").exists()


def test_a_stream_that_is_not_found_is_wrong_and_the_ports_to_open_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(**_: object) -> None:
        raise NoStreamError("none answered")

    monkeypatch.setattr(doctor_network, "find", nothing)
    check = by_name(network(config_in_force()))["own stream on this machine"]
    assert (check.value, check.state) == ("not found", "wrong")
    for words in ("16571", "KnownPeers", "none answered"):
        assert words in check.advice


def test_a_configuration_that_is_named_and_missing_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "lsl_api.cfg"))
    assert next(iter(network(config_in_force()))).state == "wrong"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert next(iter(network(config_in_force()))).value == "LSL's own defaults"
    (tmp_path / "lsl_api.cfg").write_text("")
    assert next(iter(network(config_in_force()))).value == "lsl_api.cfg"


def test_models_that_cannot_run_are_wrong_in_the_words_of_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> tuple[str, tuple[str, ...]]:
        raise DeviceError("Models run on onnxruntime, which cannot be imported.")

    monkeypatch.setattr(doctor_models, "runtime_facts", missing)
    monkeypatch.setattr(doctor_models, "version_of", lambda package: "1.0")
    first, second = models()
    assert "Uninstall both" in first.advice
    assert (second.state, second.advice) == ("wrong", "Models run on onnxruntime, which cannot be imported.")


def test_a_package_that_is_missing_is_wrong_and_an_optional_one_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "version_of", lambda package: "" if package in ("mne", "psutil") else "1.0")
    found = by_name(software())
    assert (found["mne"].state, found["psutil"].state, found["numpy"].state) == ("wrong", "note", "fine")
    assert "pip install mne" in found["mne"].advice


@pytest.mark.parametrize(("hours", "state"), [(0.1, "wrong"), (1.0, "note"), (10.0, "fine")])
def test_the_disk_is_measured_in_hours_of_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: float, state: str
) -> None:
    free = int(hours * 3600 * 1000 * (64 * 4 + 8)) + 1
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(0, 0, free))
    check = by_name(storage(tmp_path / "a" / "b"))["free"]
    assert (check.state, f"{hours:.1f} h" in check.value) == (state, True)


def test_sessions_that_were_cut_short_and_a_place_that_is_no_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / "runs" / "run-1").mkdir(parents=True)
    begin_session(tmp_path / "runs" / "run-1", {"kind": "signal", "title": "t"})
    check = by_name(storage(tmp_path / "runs"))["sessions cut short"]
    assert (check.value, check.state) == ("run-1", "note")
    (tmp_path / "file").write_text("")
    assert by_name(storage(tmp_path / "file"))["folder of runs"].state == "wrong"


def test_without_a_display_the_way_without_one_is_told() -> None:
    (check,) = windows(False)
    assert (check.state, "--headless" in check.advice) == ("note", True)


def test_a_display_on_which_no_window_can_be_made_is_wrong_in_the_words_of_qt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "nowhere")
    (check,) = windows(True)
    assert (check.value, check.state) == ("cannot be made", "wrong")
    assert 'Could not find the Qt platform plugin "nowhere"' in check.advice
    monkeypatch.setattr(doctor, "run_alone", lambda code, environment: (0, ""))
    (check,) = windows(True)
    assert check.state == "fine"


def test_what_is_run_alone_ends_in_time_and_its_last_words_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "import os, sys; sys.stderr.write('a\\nb' + os.environ['WORD']); sys.exit(3)"
    assert run_alone(told, {"WORD": "c"}) == (3, "a bc")
    monkeypatch.setattr(doctor, "_ALONE_S", 0.01)
    assert run_alone("import time; time.sleep(60)", {})[0] == 1


@pytest.mark.parametrize("text", ["no key and no value", "[ports]\nIPv6 = perhaps"])
def test_a_configuration_that_lsl_cannot_read_is_wrong_though_lsl_goes_on_without_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "lsl_api.cfg").write_text(text + "\n")
    check = next(iter(network(tmp_path / "lsl_api.cfg")))
    assert (check.name, check.state) == ("configuration", "wrong")
    assert "LSL cannot read this file (" in check.advice


@pytest.mark.filterwarnings("ignore:Specified provider:UserWarning")
def test_a_gpu_package_without_a_gpu_is_told_with_what_could_not_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    found = by_name(models())
    assert found["really run on"].state == "note"
    assert found["really run on"].value.startswith("CPU: GPU not used")
    assert "CUDA or cuDNN" in found["really run on"].advice


def test_a_package_that_is_broken_is_told_by_the_check_that_needs_it_and_the_others_go_on(tmp_path: Path) -> None:
    broken = "import sys; sys.modules['pylsl'] = None; from bci_app.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", broken, "doctor", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1, ended.stderr
    wrong = {check["topic"]: check["advice"] for check in json.loads(ended.stdout) if check["state"] == "wrong"}
    assert "import of pylsl halted" in wrong["LSL"]
    assert {"versions", "display"} <= {check["topic"] for check in json.loads(ended.stdout)} - set(wrong)


@pytest.mark.parametrize("with_psutil", [True, False])
def test_ports_that_listen_are_found_with_psutil_and_without(
    with_psutil: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_psutil:
        monkeypatch.setitem(sys.modules, "psutil", None)
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as client:
        for each in (tcp, udp):
            each.bind(("127.0.0.1", 0))
        tcp.listen()
        client.connect(tcp.getsockname())
        wanted = {f"TCP 127.0.0.1:{tcp.getsockname()[1]}", f"UDP 127.0.0.1:{udp.getsockname()[1]}"}
        found = set(open_ports() or ())
        assert wanted <= found
        assert f"TCP 127.0.0.1:{client.getsockname()[1]}" not in found
    assert not wanted & set(open_ports() or ())


def test_without_psutil_and_without_tables_ports_are_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert open_ports(tmp_path) is None
