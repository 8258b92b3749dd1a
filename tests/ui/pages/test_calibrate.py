"""The page Calibrate from its form to a decoder that is used, discarded or refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from bci_app.contract.errors import SettingsError
from bci_app.contract.manifest import Score
from bci_app.contract.windowing import TrialSpec
from bci_app.engine import calibration_run, calibration_session
from bci_app.engine.calibration_run import CalibrationResult
from bci_app.engine.events import Finished
from bci_app.engine.settings import StreamChoice
from bci_app.ui import session_window
from bci_app.ui.pages.calibrate import CalibratePage
from bci_app.ui.pages.page import Holder
from bci_app.ui.pages.session_page import Opened
from tests.tiny import tiny_decoder, tiny_generator
from tests.ui.fake_calibration import FakeCalibration

SCORE = Score(
    name="pairwise identification", value=0.81, low=0.78, high=0.84, chance=0.5, noise_input=0.51,
    shuffled_pairing=0.49, n=400, held_out="5 folds by picture",
)  # fmt: skip
ENDED = Finished("All 400 pictures were shown.", fatal=False)


@pytest.fixture
def page(qapp: QApplication, tmp_path: Path) -> Iterator[CalibratePage]:
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
    return page, session


def run(page: CalibratePage, session: FakeCalibration, qtbot: object, ended: Finished = ENDED) -> None:
    """Start, and let the session come to its end."""
    page.start_button.click()
    qtbot.waitUntil(lambda: page.window_inside is not None)  # type: ignore[attr-defined]
    assert page.busy == "a session runs"
    session.say(ended)
    qtbot.waitUntil(lambda: page.window_inside is None and page._writing is None)  # type: ignore[attr-defined]


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
    calibrated: tuple[CalibratePage, FakeCalibration], qtbot: object
) -> None:
    page, session = calibrated
    run(page, session, qtbot)
    view = page.result_view
    assert view.bars.texts == (
        "Decoder on EEG 0.81 (95 %: 0.78 to 0.84)",
        "Decoder on noise 0.51",
        "Shuffled pictures 0.49",
        "Guessing 0.50",
    )
    assert view.verdict == "✓ The pictures were read from the EEG."
    for words in ("400 trials", "5 folds by picture", "1 of 34 onsets were late", "Left out: Pz."):
        assert words in view.facts
    ink = view.grab().toImage()
    assert len({ink.pixel(x, y) for x in range(0, 400, 5) for y in range(0, ink.height(), 5)}) > 3
    assert page.busy == "a decoder waits to be used or discarded"
    page.start()  # nothing is lost by a key
    assert page.window_inside is None
    page.use_button.click()
    qtbot.waitUntil(lambda: page.busy is None)  # type: ignore[attr-defined]
    place = session.plan.folder / "decoder"
    assert page.holder.current.decoder == place
    assert (place / "manifest.json").is_file()


def test_a_decoder_that_is_discarded_leaves_the_recording_and_the_choice_of_before(
    calibrated: tuple[CalibratePage, FakeCalibration], qtbot: object
) -> None:
    page, session = calibrated
    told: list[str] = []
    page.said.connect(lambda text, tone: told.append(text))
    run(page, session, qtbot)
    page.discard_button.click()
    assert page.busy is None
    assert page.holder.current.decoder is None
    assert session.plan.folder.is_dir()
    assert f"its recording stays in {session.plan.folder}" in told[-1]
    session.ended = None
    page.start_button.click()
    qtbot.waitUntil(lambda: page.window_inside is not None)  # type: ignore[attr-defined]
    page.window_inside.close()  # type: ignore[union-attr]
    assert "It was closed, after 34 pictures; no decoder was made." in told[-1]


def test_what_cannot_be_made_is_said_and_the_form_is_back(
    calibrated: tuple[CalibratePage, FakeCalibration], qtbot: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, session = calibrated

    def refuse(*_: object) -> CalibrationResult:
        raise SettingsError("A reader needs at least 10 trials; got 3. Record more trials.")

    monkeypatch.setattr(calibration_run, "run_calibration", refuse)
    told: list[str] = []
    page.said.connect(lambda text, tone: told.append(text))
    run(page, session, qtbot)
    assert told[-1].startswith("No decoder was made; the recording is kept. A reader needs at least 10 trials")
    assert page.busy is None
    assert page.start_button.isEnabled()
    assert np.isclose(page.soa_s.value(), 0.6)
