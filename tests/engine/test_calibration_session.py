"""What a calibration session leaves behind is what a decoder can be made of."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.contract.errors import NoStreamError, SettingsError, UnitError
from bci_app.contract.manifest import DecoderManifest
from bci_app.contract.windowing import TrialSpec
from bci_app.engine import calibration_presenter, calibration_session
from bci_app.engine.calibration_run import keep, run_calibration
from bci_app.engine.calibration_session import (
    CalibrationSession,
    CalibrationSettings,
    open_calibration,
    request_again,
    request_of,
)
from bci_app.engine.events import Event, Finished, ShowPicture
from bci_app.engine.nearest import calibration_pictures
from bci_app.engine.plan import Outlets
from bci_app.engine.settings import Presentation, StreamChoice
from bci_app.engine.swap import find_decoders
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.streams.markers import MarkerOutlet
from bci_app.streams.run_folder import read_run
from tests.engine.conftest import CHANNELS, SFREQ
from tests.sender import Sender

RECIPE = CalibrationRecipe(
    band_hz=(1.0, 15.0), notch_hz=None, decimation=1, cut=TrialSpec(start_s=0.0, stop_s=0.08), n_folds=2
)
N = 20
FAST = Presentation.model_construct(n_trials=N, soa_s=0.06, show_s=0.03, families=("shapes",), folder=None)
"""Faster than a person may be shown pictures."""


def settings_for(generator: Generator, stream: StreamChoice) -> CalibrationSettings:
    return CalibrationSettings(
        stream=stream,
        generator=generator.bundle.folder,
        presentation=FAST,
        recipe=RECIPE,
        participant="P07",
    )


def test_what_was_shown_and_recorded_becomes_a_decoder_without_the_channels_marked_bad(
    tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration_presenter, "LEAD_S", 0.1)
    monkeypatch.setattr(calibration_session, "_LEFT_S", 0.1)
    over, events = threading.Event(), list[Event]()
    folder = tmp_path / "run"
    folder.mkdir()
    with Sender(CHANNELS, SFREQ) as sender:
        settings = settings_for(generator, StreamChoice(source_id=sender.source_id, bad=("Pz",)))
        plan = open_calibration(settings, outlets=Outlets(MarkerOutlet("calibration test", uuid4().hex)))
        plan.folder = folder
        session = CalibrationSession(plan)

        def listen(event: Event) -> None:
            events.append(event)
            if isinstance(event, ShowPicture):
                session.picture_shown(event.trial, event.picture.id, max(event.due_s, session.clock()))
            if isinstance(event, Finished):
                over.set()

        session.start(listen)
        assert over.wait(10.0)
        session.stop()
    assert session.problems == []
    assert session.counts["pictures_shown"] == session.onsets.n == N
    recording = read_run(folder)
    assert recording.channels == CHANNELS
    assert [marker.label for marker in recording.markers] == [f"shown/{picture.id}" for picture in plan.pictures]
    about = json.loads((folder / "session.json").read_text("utf-8"))
    assert (about["kind"], about["participant"]) == ("signal", "P07")
    assert about["ended"]["reason"] == f"All {N} pictures were shown."

    assert request_again(folder, generator.bundle.folder) == request_of(plan, "P07")
    result = run_calibration(request_of(plan, "P07"))
    assert (result.score.n, result.score.chance) == (N, 0.5)
    assert not result.convincing  # the EEG was noise
    assert any("marked bad: Pz" in note for note in result.notes)
    opened = Decoder.open(keep(result, folder / "decoder"), generator)
    assert isinstance(opened.manifest, DecoderManifest)
    assert opened.manifest.channels == CHANNELS[:3]
    listed = find_decoders(tmp_path)
    assert [(each.folder, each.name) for each in listed] == [((folder / "decoder").resolve(), "P07")]
    score = result.score
    figure = f"pairwise identification {score.value:.2f} ({score.low:.2f} to {score.high:.2f}), chance 0.50"
    assert listed[0].figure == figure
    assert set(opened.manifest.trained_on) == {picture.id for picture in plan.pictures}
    known = calibration_pictures(opened.bundle.folder, opened.manifest.trained_on, generator.image_size)
    assert {picture.id for picture in known} == set(opened.manifest.trained_on)
    assert (
        calibration_pictures(folder, opened.manifest.trained_on, generator.image_size) == ()
    )  # nothing lies beside it


def test_a_stream_that_is_not_there_or_no_eeg_is_refused_in_words(generator: Generator) -> None:
    missing = settings_for(generator, StreamChoice(name="nobody's", timeout_s=0.3))
    with pytest.raises(NoStreamError, match="nobody's"):
        open_calibration(missing)
    with Sender(("n1", "n2"), SFREQ, unit="count", type="Spikes") as sender:
        counted = settings_for(generator, StreamChoice(source_id=sender.source_id))
        with pytest.raises(UnitError, match="train a decoder in the workshop"):
            open_calibration(counted)


def test_too_few_pictures_are_refused_before_anybody_sits_down() -> None:
    with pytest.raises(SettingsError, match="needs at least 13 pictures; 8 are to be shown"):
        CalibrationSettings(presentation=Presentation(n_trials=8))


def test_the_duration_counts_pictures_and_the_breaks_between_them() -> None:
    settings = CalibrationSettings(
        presentation=Presentation(n_trials=400, soa_s=0.6, show_s=0.4), break_every=100, break_s=20
    )
    assert settings.duration_s == pytest.approx(400 * 0.6 + 3 * 20)
    assert settings.model_copy(update={"break_every": 0}).duration_s == pytest.approx(240.0)
    assert np.isfinite(settings.duration_s)
