"""A session lives inside its page: form, session, form; and ends promptly whatever happens."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import onnxruntime
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from bci_app.contract.bundle import Bundle, open_bundle
from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.engine.settings import StreamChoice
from bci_app.streams import lsl
from bci_app.ui.instrument import InstrumentWindow, PageKind
from bci_app.ui.main_window import MainWindow
from bci_app.ui.pages.decode import DecodePage
from bci_app.ui.pages.page import Holder
from tests.sender import Sender
from tests.tiny import tiny_decoder, tiny_generator, tiny_text_bundle

WAIT_MS = 30_000
"""A busy machine may need a while; whoever is there sooner is not waited for."""
CHANNELS, SFREQ = ("O1", "Oz"), 100.0
WINDOWS = WindowSpec(window_s=0.5, hop_s=0.1)
KINDS = (PageKind("Decode", "bci_app.ui.pages.decode", "DecodePage"),)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny generator and a decoder of sliding windows."""
    folder = tmp_path_factory.mktemp("models")
    generator = tiny_generator(folder / "generator")
    tiny_decoder(folder / "decoder", generator, CHANNELS, SFREQ, WINDOWS)
    return folder


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    monkeypatch.setattr(lsl, "_WAVE_S", 0.3)
    with Sender(CHANNELS, SFREQ) as sending:
        yield sending


def _holder(models: Path, runs: Path, sender: Sender | None = None) -> Holder:
    holder = Holder()
    stream = None if sender is None else StreamChoice(name=sender.name, source_id=sender.source_id, timeout_s=2.0)
    holder.choose(
        participant="P07",
        stream=stream,
        decoder=models / "decoder",
        generator=models / "generator",
        device="cpu",
        runs=runs,
    )
    return holder


def _run_of(runs: Path) -> Path:
    (folder,) = runs.iterdir()
    return folder


def test_session_runs_in_the_page_and_the_form_comes_back_with_its_report(
    qtbot: QtBot, models: Path, tmp_path: Path, sender: Sender
) -> None:
    holder = _holder(models, tmp_path / "runs", sender)
    page = DecodePage(holder)
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.show()
    page.entered()
    qtbot.waitUntil(page.isActiveWindow, timeout=WAIT_MS)
    qtbot.keyClick(page.start_button, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert page.busy == "a session is being opened"
    qtbot.waitUntil(lambda: page.window_inside is not None, timeout=WAIT_MS)
    inside = page.window_inside
    assert isinstance(inside, MainWindow)
    assert (inside.isVisible(), inside.isWindow(), page.busy) == (True, False, "a session runs")
    assert page.focusWidget() is inside
    with qtbot.waitSignal(inside.bridge.reconstructed, timeout=WAIT_MS):
        pass
    with qtbot.waitSignal(holder.device_told, timeout=WAIT_MS) as told:
        pass
    assert "CPU" in told.args[0]
    qtbot.keyClick(inside, Qt.Key.Key_Escape)
    assert page.start_button.isVisible()
    qtbot.waitUntil(lambda: page.busy is None, timeout=WAIT_MS)
    assert page.focusWidget() is page.start_button
    run = _run_of(tmp_path / "runs")
    assert str(run / "report.html") in page.result.text()
    assert json.loads((run / "session.json").read_text())["participant"] == "P07"
    assert json.loads((run / "summary.json").read_text())["counts"]["read"] >= 1
    page.finish()


def test_window_closes_within_two_seconds_while_a_session_runs_and_the_report_is_written(
    qtbot: QtBot, models: Path, tmp_path: Path, sender: Sender
) -> None:
    window = InstrumentWindow(_holder(models, tmp_path / "runs", sender), KINDS)
    qtbot.addWidget(window)
    window.show()
    window.start()
    page = window.current
    assert isinstance(page, DecodePage)
    page.start()
    qtbot.waitUntil(lambda: page.window_inside is not None, timeout=WAIT_MS)
    began = time.perf_counter()
    window.close()
    assert time.perf_counter() - began < 2.0
    window.finish()
    assert (_run_of(tmp_path / "runs") / "report.html").is_file()


def test_session_that_is_given_up_while_it_opens_leaves_nothing(
    qtbot: QtBot, models: Path, tmp_path: Path, sender: Sender
) -> None:
    page = DecodePage(_holder(models, tmp_path / "runs", sender))
    qtbot.addWidget(page)
    page.start()
    page.give_up_button.click()
    assert page.busy is None
    page.finish()
    assert page.window_inside is None
    qtbot.waitUntil(lambda: not list(tmp_path.glob("runs/*")), timeout=WAIT_MS)


def test_session_that_is_given_up_just_after_it_was_opened_leaves_nothing(
    qtbot: QtBot, models: Path, tmp_path: Path, sender: Sender
) -> None:
    page = DecodePage(_holder(models, tmp_path / "runs", sender))
    qtbot.addWidget(page)
    opened = page._opener()(lambda done, total, text: None)
    assert list(tmp_path.glob("runs/*/*"))
    opened.let_go()
    assert not list(tmp_path.glob("runs/*"))


def test_what_cannot_begin_is_told_in_words_and_the_form_stays(qtbot: QtBot, models: Path, tmp_path: Path) -> None:
    page = DecodePage(_holder(models, tmp_path / "runs"))
    qtbot.addWidget(page)
    words: list[str] = []
    page.said.connect(lambda text, tone: words.append(text) if text else None)
    page.start()
    assert "none was chosen" in words[-1]
    page.holder.choose(stream=StreamChoice(name="nobody", timeout_s=0.1))
    page.decoder.set_path(None)
    for missing in ("A decoder bundle is needed", "No stream with name 'nobody'"):
        page.start()
        qtbot.waitUntil(lambda: page.busy is None, timeout=WAIT_MS)
        assert missing in words[-1]
        page.decoder.set_path(models / "decoder")
    page.finish()
    assert not list(tmp_path.glob("runs/*"))


def _told(qtbot: QtBot, page: DecodePage) -> str:
    """What is said of a session that cannot begin; the form is back, and nothing is kept."""
    words: list[str] = []
    page.said.connect(lambda text, tone: words.append(text) if text else None)
    page.trials.setValue(77)
    page.start()
    qtbot.waitUntil(lambda: page.busy is None and bool(words), timeout=WAIT_MS)
    page.finish()
    assert (page.window_inside, page.start_button.isEnabled(), page.trials.value()) == (None, True, 77)
    assert not list(page.holder.current.runs.glob("*/*"))
    (told,) = words
    return told


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda place, generator: place, "a folder without manifest.json"),
        (lambda place, generator: place / "nothing", "is no such folder"),
        (lambda place, generator: generator.folder, "must be a decoder; it is of kind 'generator'"),
        (lambda place, generator: tiny_text_bundle(place / "text").folder, "in the window: the page Read"),
        (
            lambda place, generator: (
                tiny_decoder(place / "other", tiny_generator(place / "g", seed=1), CHANNELS, SFREQ, WINDOWS).folder
            ),
            "Choose its own generator",
        ),
        (
            lambda place, generator: (
                tiny_decoder(place / "trials", generator, CHANNELS, SFREQ, TrialSpec(start_s=0.0, stop_s=0.5)).folder
            ),
            "in the window: Marker stream",
        ),
    ],
)
def test_bundle_that_does_not_do_is_told_in_one_message(
    qtbot: QtBot, models: Path, tmp_path: Path, make: Callable[[Path, Bundle], Path], told: str
) -> None:
    holder = _holder(models, tmp_path / "runs")
    holder.choose(stream=StreamChoice(name="nobody"), decoder=make(tmp_path, open_bundle(models / "generator")))
    page = DecodePage(holder)
    qtbot.addWidget(page)
    assert told in _told(qtbot, page)


def test_channels_that_the_stream_has_not_and_a_folder_that_cannot_be_written_are_told(
    qtbot: QtBot, models: Path, tmp_path: Path, sender: Sender
) -> None:
    holder = _holder(models, tmp_path / "runs", sender)
    generator = open_bundle(models / "generator")
    holder.choose(decoder=tiny_decoder(tmp_path / "d", generator, ("O1", "Fp1"), SFREQ, WINDOWS).folder)
    page = DecodePage(holder)
    qtbot.addWidget(page)
    assert "needs channel(s) Fp1" in _told(qtbot, page)
    (tmp_path / "file").touch()
    page.runs.set_path(tmp_path / "file" / "runs")
    assert "in the window: Kept in" in _told(qtbot, page)


def test_no_pictures_are_shown_to_a_recording(qtbot: QtBot, models: Path, tmp_path: Path) -> None:
    holder, stream = _holder(models, tmp_path / "runs"), StreamChoice(name="Replay of P07", source_id="replay-1")
    holder.adopt(SimpleNamespace(stream=stream, code="replay", watermark="REPLAY", outlets=lambda: None))  # type: ignore[arg-type]
    page = DecodePage(holder)
    qtbot.addWidget(page)
    page.shows.setChecked(True)
    assert "this stream is a replay" in _told(qtbot, page)
    page.entered()
    assert not page.shows.isChecked()


@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this machine has a GPU")
def test_gpu_that_is_required_and_not_there_refuses_the_session(qtbot: QtBot, models: Path, tmp_path: Path) -> None:
    holder = _holder(models, tmp_path / "runs")
    holder.choose(stream=StreamChoice(name="nobody"))
    page = DecodePage(holder)
    qtbot.addWidget(page)
    page.device.setCurrentIndex(page.device.findData("required"))
    assert "must run on the GPU; it does not, because" in _told(qtbot, page)


def test_models_are_exchanged_in_the_page_and_frames_name_those_that_drew_them(
    qtbot: QtBot, models: Path, tmp_path: Path, sender: Sender
) -> None:
    other = tiny_decoder(tmp_path / "other", open_bundle(models / "generator"), CHANNELS, SFREQ, WINDOWS, seed=5)
    page = DecodePage(_holder(models, tmp_path / "runs", sender))
    qtbot.addWidget(page)
    page.show()
    page.start()
    qtbot.waitUntil(lambda: page.window_inside is not None, timeout=WAIT_MS)
    inside, drawn = page.window_inside, list[str]()
    assert isinstance(inside, MainWindow)
    inside.bridge.reconstructed.connect(lambda frame: drawn.append(frame.model))
    qtbot.waitUntil(lambda: bool(drawn), timeout=WAIT_MS)
    before, model = drawn[0], inside.status_view.chips["Model"]
    qtbot.keyClick(inside, Qt.Key.Key_M)
    choice = inside.model_choice
    choice.decoder.setText(str(other.folder))
    qtbot.keyClick(choice.decoder, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: other.digest[:7] in drawn[-1], timeout=WAIT_MS)
    qtbot.waitUntil(lambda: other.digest[:7] in model.text, timeout=WAIT_MS)
    assert other.digest[:7] not in before
    assert choice.isHidden()
    assert drawn == sorted(drawn, key=lambda name: name != before), "no frame of the old ones after the new"
    page.close_page()
    page.finish()


def test_session_needs_a_code(qtbot: QtBot, models: Path, tmp_path: Path) -> None:
    holder = Holder()
    page = DecodePage(holder)
    qtbot.addWidget(page)
    with qtbot.waitSignal(page.said, check_params_cb=lambda text, tone: "participant's code" in text):
        page.start()
