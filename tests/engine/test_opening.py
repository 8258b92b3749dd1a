"""A recording that is played brings what is known of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bci_app.engine import opening
from bci_app.engine.bad_channels import keep_bad_channels
from bci_app.engine.opening import replay_of
from bci_app.engine.settings import StreamChoice
from tests.player import PlayerThread
from tests.streams.recording_files import KINDS, made_recording


def test_replay_tells_the_channels_that_were_marked_bad_and_keeps_what_else_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "ReplayProcess", PlayerThread)
    session = KINDS["session folder"](made_recording(), tmp_path)
    keep_bad_channels(session, ("E1",))
    with replay_of(session, StreamChoice(timeout_s=7.0, bad=("E3",)), speed=0.0) as playing:
        stream = playing.stream
        assert not playing.has_ended()
    assert (stream.bad, stream.timeout_s, stream.markers) == (("E3", "E1"), 7.0, "Replay of session-markers")
    assert playing.has_ended()
