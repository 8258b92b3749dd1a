"""All that a stream sends is recorded, and what no decoder reads disturbs none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bci_app.engine.plan import SessionPlan
from bci_app.engine.session import Session
from bci_app.engine.settings import SessionSettings, StreamChoice
from bci_app.inference.generator import Generator
from bci_app.streams.run_folder import read_run
from tests.engine.conftest import CHANNELS, SFREQ, until
from tests.engine.test_reconnecting import unfiltered
from tests.sender import Sender


def spoil(data: np.ndarray, at_s: float) -> np.ndarray:
    data[-1] = np.nan
    return data


def test_a_channel_that_nobody_reads_is_recorded_and_may_hold_anything(tmp_path: Path, generator: Generator) -> None:
    decoder = unfiltered(tmp_path / "decoder", generator)
    (tmp_path / "record").mkdir()
    with Sender(("number", *CHANNELS[::-1], "EOG"), SFREQ, unit="a.u.", spoil=spoil) as sender:
        settings = SessionSettings(stream=StreamChoice(source_id=sender.source_id))
        session = Session(SessionPlan(settings, "whole stream", decoder, generator, folder=tmp_path / "record"))
        session.start(lambda event: None)
        try:
            assert until(lambda: session.counts["read"] >= 3)
        finally:
            session.stop()
    assert session.problems == []
    recording, sent = read_run(tmp_path / "record"), np.hstack(sender.sent)
    assert recording.channels == (*CHANNELS, "number", "EOG")
    first = int(recording.data[len(CHANNELS), 0])  # the sender's first channel counts its samples
    stretch = sent[:, first : first + recording.n_times]
    np.testing.assert_array_equal(recording.data, [*stretch[len(CHANNELS) : 0 : -1], stretch[0], stretch[-1]])
