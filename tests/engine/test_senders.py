"""What the program itself sends serves one session after another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bci_app.contract.errors import StreamError
from bci_app.engine import senders
from bci_app.engine.bad_channels import keep_bad_channels
from bci_app.engine.plan import Outlets
from bci_app.engine.senders import PlayedRecording, SimulatedParticipant
from bci_app.engine.settings import StreamChoice
from bci_app.simulation.settings import SIMULATED_READER, ParticipantSettings
from bci_app.streams.lsl import local_clock


class Process:
    """Stands for the process of a player or of a participant."""

    made: list[Process] = []  # noqa: RUF012

    def __init__(self, *given: Any, **options: Any) -> None:
        self.given, self.options = given, options
        self.source_id = options.get("source_id") or f"replay-{len(self.made)}"
        self.marker_description = SimpleNamespace(name=f"{options.get('name')}-markers")
        self.speed, self.running, self.failure, self.alive = 1.0, True, "", False
        self.made.append(self)

    def start(self) -> None:
        self.alive = True

    def stop(self) -> None:
        self.alive = False

    def close(self) -> None:
        self.running = False


@pytest.fixture(autouse=True)
def _processes(monkeypatch: pytest.MonkeyPatch) -> None:
    Process.made = []
    for name in ("ReplayProcess", "ParticipantProcess"):
        monkeypatch.setattr(senders, name, Process)
    monkeypatch.setattr(Outlets, "wait_for_listeners", lambda self, timeout_s: None)


def test_replay_begins_anew_under_the_same_name(tmp_path: Path) -> None:
    playing = PlayedRecording(tmp_path / "a.xdf", 1.0)
    assert playing.stream == StreamChoice(
        name="Replay of a.xdf", source_id="replay-0", markers="Replay of a.xdf-markers"
    )
    playing.rewind()
    first, second = Process.made
    assert (first.running, second.running) == (False, True)
    assert second.options["source_id"] == first.source_id
    assert (second.given, second.options["pace"]) == (first.given, first.options["pace"])
    assert playing.outlets() is None


def test_replay_that_goes_on_is_not_rewound_by_whoever_thinks_that_it_ended(tmp_path: Path) -> None:
    playing = PlayedRecording(tmp_path / "a.xdf")
    playing.rewind(only_if_ended=True)
    assert len(Process.made) == 1
    Process.made[0].running = False
    playing.rewind(only_if_ended=True)
    assert [process.running for process in Process.made] == [False, True]


def test_replay_that_is_rewound_while_it_is_closed_stays_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    playing = PlayedRecording(tmp_path / "a.xdf")
    monkeypatch.setattr(Process, "__init__", _closing(playing, Process.__init__))
    playing.rewind()
    assert not any(process.running for process in Process.made)


def _closing(playing: PlayedRecording, begin: Callable[..., None]) -> Callable[..., None]:
    def begin_and_close(self: Process, *given: Any, **options: Any) -> None:
        playing.close()
        begin(self, *given, **options)

    return begin_and_close


def test_replay_of_a_session_brings_the_channels_that_were_marked_bad(tmp_path: Path) -> None:
    keep_bad_channels(tmp_path, ("Oz",))
    assert PlayedRecording(tmp_path).stream.bad == ("Oz",)


def test_end_of_a_replay_and_its_failure_are_told_apart(tmp_path: Path) -> None:
    playing = PlayedRecording(tmp_path / "a.xdf")
    (process,) = Process.made
    assert not playing.ended()
    process.running = False
    assert playing.ended()
    process.failure = "The file is cut short."
    with pytest.raises(StreamError, match="cut short"):
        playing.ended()


def test_outlets_of_a_participant_outlive_the_session_that_closes_them() -> None:
    participant = SimulatedParticipant(ParticipantSettings())
    lent = participant.outlets()
    assert lent is not None
    lent.close()
    lent.markers.push("shown/a", local_clock())
    participant.close()
    with pytest.raises(StreamError, match="closed"):
        lent.markers.push("shown/a", local_clock())
    assert participant.ended()


def test_reader_brings_its_own_markers_and_looks_at_nothing() -> None:
    participant = SimulatedParticipant(SIMULATED_READER)
    assert participant.outlets() is None
    assert participant.stream.markers == participant.settings.marker_name
    participant.close()


def test_participant_that_does_not_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Process) -> None:
        raise StreamError("It is asleep.")

    monkeypatch.setattr(Process, "start", refuse)
    closed: list[Outlets] = []
    monkeypatch.setattr(Outlets, "close", closed.append)
    with pytest.raises(StreamError, match="asleep"):
        SimulatedParticipant(ParticipantSettings())
    assert len(closed) == 1
