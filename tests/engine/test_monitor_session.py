"""The stream without a model: seen, judged and recorded, over real LSL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import NoStreamError, SettingsError, StreamError
from bci_app.engine import monitor_session, quality
from bci_app.engine.bad_channels import read_bad_channels
from bci_app.engine.events import Event, Problem, StreamChanged
from bci_app.engine.monitor_session import MonitorPlan, MonitorSession, plan_monitor
from bci_app.engine.session_file import read_session
from bci_app.engine.settings import StreamChoice
from bci_app.engine.viewing import AVERAGE, ViewChoice
from bci_app.streams.run_folder import read_run
from tests.engine.conftest import until
from tests.sender import Sender

CHANNELS, SFREQ = ("Cz", "Pz", "Oz", "x1"), 100.0


def loose(data: np.ndarray, at_s: float) -> np.ndarray:
    """Pz stands still."""
    data[1] = 3.0
    return data


def test_a_stream_is_shown_judged_and_recorded_with_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "LEAST_S", 0.4)
    monkeypatch.setattr(monitor_session, "_LOOK_S", 0.1)
    events: list[Event] = []
    with Sender(CHANNELS, SFREQ, marker_every_s=0.5, spoil=loose) as sender:
        choice = StreamChoice(source_id=sender.source_id, markers=f"{sender.name} markers", bad=("x1",))
        plan = plan_monitor(choice, tmp_path, "P07")
        assert (plan.channels, plan.sfreq, plan.unit, plan.bad) == (CHANNELS, SFREQ, "uV", ("x1",))
        session = MonitorSession(plan)
        try:
            session.start(events.append)
            assert until(lambda: bool(session.look() and session.look().quality), 8.0)  # type: ignore[union-attr]
            look = session.look()
            assert look is not None
            session.show_as(ViewChoice(reference=AVERAGE))
            session.mark_bad(("Pz", "x1"))
            with pytest.raises(SettingsError, match="all are marked bad"):
                session.mark_bad(CHANNELS)
            assert session.bad == session.view.bad == ("Pz", "x1")
            assert session._live.acquisition._flat._known.tolist() == [False, True, False, True]
            assert until(lambda: np.ptp(session.signal_snapshot(0.5).data[1]) > 1)  # type: ignore[union-attr]
            assert until(lambda: bool(session.signal_snapshot(9.0).markers))  # type: ignore[union-attr]
            snapshot = session.signal_snapshot(9.0)
        finally:
            session.stop()
    assert [each.channel for each in look.quality] == list(CHANNELS)
    assert look.quality[1].words.startswith("flat")
    assert look.electrodes.unknown == ("x1",)
    assert look.spectrum is not None
    assert look.spectrum.density.shape[0] == 4
    assert snapshot is not None
    np.testing.assert_allclose(snapshot.data[[0, 2]].sum(axis=0), 0, atol=1e-3)  # the average of the two that are good
    assert {marker.label for marker in snapshot.markers} == {"flash"}
    assert isinstance(events[0], StreamChanged)
    assert [event for event in events if isinstance(event, Problem) and event.fatal] == []
    assert read_bad_channels(tmp_path) == ("Pz", "x1")
    recording = read_run(tmp_path)
    assert recording.channels == CHANNELS
    np.testing.assert_array_equal(recording.data[1], 3.0)
    assert np.unique(np.diff(recording.data[0])).tolist() == [1.0]
    about = read_session(tmp_path)
    assert (about["kind"], about["participant"], about["ended"]["failed"]) == ("signal", "P07", False)


def test_without_its_marker_stream_the_signal_is_shown_all_the_same_and_that_is_said() -> None:
    with Sender(CHANNELS, SFREQ) as sender:
        choice = StreamChoice(source_id=sender.source_id, markers="nowhere", timeout_s=0.1)
        session = MonitorSession(plan_monitor(choice))
        session.start(lambda event: None)
        session.stop()
    assert session.problems[0].startswith("The signal is shown without markers. ")
    assert "'nowhere'" in session.problems[0]


def test_a_recording_whose_markers_are_not_there_is_not_begun(tmp_path: Path) -> None:
    with Sender(CHANNELS, SFREQ) as sender:
        choice = StreamChoice(source_id=sender.source_id, markers="nowhere", timeout_s=0.1)
        with pytest.raises(
            StreamError, match=r"so nothing is recorded\. .*'nowhere'.*signal alone, name no markers\.$"
        ):
            MonitorSession(plan_monitor(choice, tmp_path, "P07"))
        assert not sender.has_listeners
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_is_not_there_is_not_replaced_by_another() -> None:
    with Sender(CHANNELS, SFREQ), pytest.raises(NoStreamError):
        plan_monitor(StreamChoice(name="gone", source_id="gone", timeout_s=0.1))


def test_of_a_slow_signal_no_fewer_than_300_samples_can_be_looked_at() -> None:
    plan = MonitorPlan(StreamChoice(), ("v0",), 0.5, "au")
    assert plan.view_s == 600
    assert plan.signal.buffer_s * 0.5 >= 300 + 16
    assert (plan.signal.words.name, plan.signal.words.channels) == ("fMRI", "voxels")
    assert replace(plan, sfreq=100.0).view_s == 12
