"""The page Calibrate from its form to a decoder that is used, discarded or refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.contract.errors import SettingsError
from bci_app.contract.manifest import Score
from bci_app.contract.windowing import TrialSpec
from bci_app.engine import calibration_presenter, calibration_run, calibration_session, reopening
from bci_app.engine.calibration_run import CalibrationResult
from bci_app.engine.calibration_session import CalibrationSettings
from bci_app.engine.events import Finished, Problem
from bci_app.engine.evolution_settings import Stimulus
from bci_app.engine.settings import Presentation, StreamChoice
from bci_app.inference.generator import Generator
from bci_app.streams import lsl
from bci_app.ui import session_window
from bci_app.ui.pages.calibrate import CalibratePage
from bci_app.ui.pages.page import Holder
from bci_app.ui.pages.session_page import Opened
from tests.sender import Sender
from tests.tiny import tiny_decoder, tiny_generator
from tests.ui.fake_calibration import FakeCalibration

CHANNELS, SFREQ = ("Cz", "Pz", "O1", "O2"), 100.0
N = 200
"""Pictures: more than are shown before the stream is silenced."""
FAST = Presentation.model_construct(n_trials=N, soa_s=0.06, show_s=0.03, families=("shapes",), folder=None)
"""Faster than a person may be shown pictures."""
RECIPE = CalibrationRecipe(
    band_hz=(1.0, 15.0), notch_hz=None, decimation=1, cut=TrialSpec(start_s=0.0, stop_s=0.08), n_folds=2
)

SCORE = Score(
    name="pairwise identification", value=0.81, low=0.78, high=0.84, chance=0.5, noise_input=0.51,
    shuffled_pairing=0.49, n=400, held_out="5 folds by picture",
)  # fmt: skip
ENDED = Finished("All 400 pictures were shown.", fatal=False)


@pytest.fixture
def page(qapp: QApplication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[CalibratePage]:
    monkeypatch.setattr(lsl, "_WAVE_S", 0.3)
    holder = Holder(tmp_path / "workplace.json")
    holder.choose(participant="P07", stream=StreamChoice(name="EEG"), runs=tmp_path / "runs")
    made = CalibratePage(holder)
    made.resize(1400, 800)
    made.show()
    yield made
    made.close_page()
    made.finish()
    made.close()


@pytest.fixture
def generator(tmp_path: Path) -> Generator:
    return Generator.open(tiny_generator(tmp_path / "generator").folder)


def settings_for(generator: Generator, stream: StreamChoice) -> CalibrationSettings:
    return CalibrationSettings(
        stream=stream,
        generator=generator.bundle.folder,
        presentation=FAST,
        break_every=0,
        stimulus=Stimulus(where="window"),
        recipe=RECIPE,
    )


@pytest.fixture
def calibrated(
    page: CalibratePage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[CalibratePage, FakeCalibration]:
    """The page on a session that needs no stream, and a making of decoders that takes no time."""
    folder = tmp_path / "run"
    folder.mkdir()
    session = FakeCalibration(folder)
    bundle = tiny_decoder(
        tmp_path / "d", tiny_generator(tmp_path / "g"), ("O1", "Oz"), 100.0, TrialSpec(start_s=0, stop_s=0.5)
    )
    result = CalibrationResult(bundle, SCORE, True, "The pictures were read from the EEG.", ("Left out: Pz.",))
    monkeypatch.setattr(session_window, "LINGER_MS", 0)
    monkeypatch.setattr(page, "_opener", lambda: lambda tell: Opened(session, ExitStack()))
    monkeypatch.setattr(calibration_session, "request_of", lambda plan, name: name)
    monkeypatch.setattr(calibration_run, "run_calibration", lambda request, tell, command: result)
    monkeypatch.setattr(reopening, "report_again", lambda folder: folder / "report.html")
    return page, session


def run(page: CalibratePage, session: FakeCalibration, qtbot: QtBot, ended: Finished = ENDED) -> None:
    """Start, and let the session come to its end."""
    page.start_button.click()
    qtbot.waitUntil(lambda: page.window_inside is not None)
    assert page.busy == "a session runs"
    session.say(ended)
    qtbot.waitUntil(lambda: page.window_inside is None and page._writing is None)


def test_the_form_says_what_is_shown_and_how_long_it_takes(page: CalibratePage) -> None:
    page.n_pictures.setValue(300)
    page.soa_s.setValue(0.5)
    page.break_every.setValue(100)
    page.families.setCurrentIndex(1)
    settings = page._settings()
    assert settings.presentation.families == ("shapes",)
    assert (settings.presentation.n_trials, settings.presentation.soa_s, settings.presentation.show_s) == (
        300,
        0.5,
        0.333,
    )
    assert settings.duration_s == pytest.approx(300 * 0.5 + 2 * 15.0)
    assert page.result.text() == f"It takes {settings.duration_s / 60:.1f} minutes, breaks included."


def test_without_a_stream_or_a_code_it_is_said_what_is_missing(page: CalibratePage) -> None:
    told: list[str] = []
    page.said.connect(lambda text, tone: told.append(text))
    page.holder.choose(stream=None)
    page.start_button.click()
    assert "none was chosen" in told[-1]
    page.holder.choose(participant="")
    page.start_button.click()
    assert "participant's code" in told[-1]
    assert page.busy is None


def test_figures_stand_beside_chance_noise_and_shuffled_and_the_decoder_is_used(
    calibrated: tuple[CalibratePage, FakeCalibration], qtbot: QtBot
) -> None:
    page, session = calibrated
    run(page, session, qtbot)
    view = page.outcome.result_view
    assert view.bars.texts == (
        "Decoder on EEG 0.81 (95 %: 0.78 to 0.84)",
        "Decoder on noise 0.51",
        "Shuffled pictures 0.49",
        "Guessing 0.50 (95 %: 0.47 to 0.53)",  # 1.96 / sqrt(12 * 400) on both sides
    )
    assert view.verdict == "✓ The pictures were read from the EEG."
    for words in ("400 trials", "5 folds by picture", "1 of 34 onsets were late", "Left out: Pz."):
        assert words in view.facts
    ink = view.grab().toImage()
    assert len({ink.pixel(x, y) for x in range(0, 400, 5) for y in range(0, ink.height(), 5)}) > 3
    assert page.busy == "a decoder waits to be used or left"
    page.start()  # nothing is lost by a key
    assert page.window_inside is None
    place = session.plan.folder / "decoder"
    assert (place / "manifest.json").is_file()  # kept, whatever becomes of it
    assert page.holder.current.decoder is None
    page.outcome.use_button.click()
    assert page.busy is None
    assert page.holder.current.decoder == place
    page.finish()


def test_a_decoder_that_is_left_stays_beside_its_recording_and_changes_no_choice(
    calibrated: tuple[CalibratePage, FakeCalibration], qtbot: QtBot
) -> None:
    page, session = calibrated
    told: list[str] = []
    page.said.connect(lambda text, tone: told.append(text))
    run(page, session, qtbot)
    qtbot.waitUntil(page.outcome.report_button.isVisible)
    page.outcome.leave_button.click()
    assert page.busy is None
    assert page.holder.current.decoder is None
    assert told[-1].endswith(f"it stays beside its recording: {session.plan.folder / 'decoder'}")


def test_a_decoder_that_does_not_read_is_not_used_by_a_mere_return(
    calibrated: tuple[CalibratePage, FakeCalibration], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, session = calibrated
    made = calibration_run.run_calibration
    monkeypatch.setattr(calibration_run, "run_calibration", lambda *given: replace(made(*given), convincing=False))
    run(page, session, qtbot)
    assert page.outcome.result_view.verdict.startswith("▲")
    assert page.outcome.use_button.text() == "Use it all the same"
    assert page.outcome.focusProxy() is page.outcome.repeat_button


def test_of_a_session_that_was_closed_a_decoder_can_be_made_or_pictures_shown_again(
    calibrated: tuple[CalibratePage, FakeCalibration], qtbot: QtBot
) -> None:
    page, session = calibrated
    for _ in range(2):
        page.start_button.click()
        qtbot.waitUntil(lambda: page.window_inside is not None)
        page.window_inside.close()  # type: ignore[union-attr]
        assert page.outcome.result_view.verdict == "▲ It was closed. 34 pictures were shown. No decoder was made."
        assert str(session.plan.folder) in page.outcome.result_view.facts
        assert page.busy == "a recording waits for its decoder"
        assert page.outcome.use_button.isHidden()
        page.leave()
        assert page.busy is None
    page.start_button.click()
    qtbot.waitUntil(lambda: page.window_inside is not None)
    page.window_inside.close()  # type: ignore[union-attr]
    page.outcome.make_button.click()
    qtbot.waitUntil(page.outcome.use_button.isVisible)
    assert page.outcome.make_button.isHidden()
    assert page.outcome.focusProxy() is page.outcome.use_button
    page.outcome.repeat_button.click()
    qtbot.waitUntil(lambda: page.window_inside is not None)
    assert (session.plan.folder / "decoder" / "manifest.json").is_file()


def test_what_goes_wrong_behind_another_page_is_told_there(
    calibrated: tuple[CalibratePage, FakeCalibration], qtbot: QtBot
) -> None:
    page, session = calibrated
    page.start_button.click()
    qtbot.waitUntil(lambda: page.window_inside is not None)
    told: list[str] = []
    page.said.connect(lambda text, tone: told.append(text))
    session.say(Problem("The first one.", fatal=False))
    qtbot.waitUntil(lambda: page.window_inside.banner.text == "The first one.")  # type: ignore[union-attr]
    page.hide()
    session.say(Problem("Keep the participant's screen visible.", fatal=False))
    qtbot.waitUntil(lambda: told == ["Calibrate: Keep the participant's screen visible."])
    page.window_inside.close()  # type: ignore[union-attr]


def test_a_making_that_takes_long_can_be_given_up_and_begun_anew(
    calibrated: tuple[CalibratePage, FakeCalibration], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, session = calibrated
    go_on, making = Event(), calibration_run.run_calibration

    def slow(request: Any, tell: Any, command: str) -> CalibrationResult:
        while not go_on.wait(0.01):
            tell(2, 7, "cross-validating")
        return making(request, tell, command)

    monkeypatch.setattr(calibration_run, "run_calibration", slow)
    page.start_button.click()
    qtbot.waitUntil(lambda: page.window_inside is not None)
    session.say(ENDED)
    qtbot.waitUntil(lambda: page.progress.text() == "cross-validating (2 of 7) …")
    assert (page._bar.value(), page._bar.maximum()) == (2, 7)
    page.give_up_button.click()
    assert page.outcome.result_view.verdict.startswith("▲ The making of the decoder was given up.")
    go_on.set()
    page.outcome.make_button.click()
    qtbot.waitUntil(page.outcome.use_button.isVisible)


def test_what_cannot_be_made_is_said_and_the_form_is_back(
    calibrated: tuple[CalibratePage, FakeCalibration], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, session = calibrated

    def refuse(*_: object) -> CalibrationResult:
        raise SettingsError("A reader needs at least 10 trials; got 3. Record more trials.")

    monkeypatch.setattr(calibration_run, "run_calibration", refuse)
    run(page, session, qtbot)
    assert page.outcome.result_view.verdict.startswith("▲ A reader needs at least 10 trials; got 3.")
    assert str(session.plan.folder) in page.outcome.result_view.facts
    page.outcome.leave_button.click()
    assert page.busy is None
    assert page.start_button.isEnabled()
    assert np.isclose(page.soa_s.value(), 0.6)


def test_what_stands_in_the_way_is_said_before_anybody_sits_down(
    page: CalibratePage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generator: Generator
) -> None:
    monkeypatch.setattr(page, "_settings", lambda: settings_for(generator, StreamChoice()))
    page.holder.choose(stream=StreamChoice(name="gone", source_id="gone", timeout_s=0.1))
    with qtbot.waitSignal(page.said, timeout=8000, check_params_cb=lambda text, tone: bool(text)) as told:
        page.start()
    assert "'gone'" in told.args[0]
    (tmp_path / "runs").write_text("a file where sessions are to be kept")
    with Sender(CHANNELS, SFREQ) as sender:
        page.holder.choose(stream=StreamChoice(source_id=sender.source_id))
        with qtbot.waitSignal(page.said, timeout=8000, check_params_cb=lambda text, tone: bool(text)) as told:
            page.start()
    assert str(tmp_path / "runs") in told.args[0]
    page.recording.set_path(tmp_path)  # a folder, but that of no session
    page.start()
    qtbot.waitUntil(lambda: page._unmade is not None and page._writing is None)
    assert "session.json" in page.outcome.result_view.verdict
    page.leave()
    assert page.busy is None


def test_of_a_stream_that_dies_in_the_middle_the_recording_is_kept_and_becomes_a_decoder(
    page: CalibratePage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generator: Generator
) -> None:
    monkeypatch.setattr(calibration_presenter, "LEAD_S", 0.1)
    monkeypatch.setattr(session_window, "LINGER_MS", 0)
    monkeypatch.setattr(page, "_settings", lambda: settings_for(generator, StreamChoice()))
    with Sender(CHANNELS, SFREQ) as sender:
        page.holder.choose(stream=StreamChoice(source_id=sender.source_id, give_up_s=1.0))
        page.start()
        qtbot.waitUntil(lambda: page.window_inside is not None, timeout=8000)
        session = page._opened.session  # type: ignore[union-attr]
        qtbot.waitUntil(lambda: session.n_shown >= 24, timeout=20_000)
        sender.silence(True)
        qtbot.waitUntil(lambda: page._unmade is not None, timeout=20_000)
    n = session.n_shown
    assert 24 <= n < N
    assert "Check the amplifier and its sender" in page.outcome.result_view.verdict
    assert f"{n} pictures were shown. No decoder was made." in page.outcome.result_view.verdict
    qtbot.waitUntil(page.outcome.report_button.isVisible, timeout=8000)
    page.outcome.make_button.click()
    qtbot.waitUntil(page.outcome.use_button.isVisible, timeout=20_000)
    qtbot.waitUntil(page.outcome.report_button.isVisible, timeout=8000)
    (folder,) = (tmp_path / "runs").iterdir()
    assert {"decoder", "report.html", "eeg.f32"} <= {each.name for each in folder.iterdir()}
    made = page._made
    assert made is not None
    assert f"{session.onsets.late} of {session.onsets.n} onsets" in page.outcome.result_view.facts
    page.leave()
    page.generator.set_path(generator.bundle.folder)
    page.recording.set_path(folder)  # of another day
    page.start()
    qtbot.waitUntil(lambda: page._made not in (None, made), timeout=20_000)
    again = page._made
    assert again is not None
    assert again.result.score == made.result.score
    assert page.recording.path is None
    assert 20 <= made.result.score.n <= session.onsets.n
