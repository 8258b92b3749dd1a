"""A session whose stream dies and comes back: what is read lies on one side of the gap or on the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.lines import read_lines
from bci_app.contract.windowing import WindowSpec
from bci_app.engine.plan import SessionPlan
from bci_app.engine.recorder import WINDOWS
from bci_app.engine.session import Session
from bci_app.engine.settings import SessionSettings, StreamChoice
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.streams.run_folder import read_run
from tests.engine.conftest import CHANNELS, SFREQ, until
from tests.sender import Sender
from tests.tiny import tiny_decoder


def unfiltered(folder: Path, generator: Generator) -> Decoder:
    """A decoder of sliding windows that sees the samples as they were sent."""
    cut = WindowSpec(window_s=0.2, hop_s=0.05)
    bundle = tiny_decoder(folder, generator.bundle, CHANNELS, SFREQ, cut, kind="fmri-decoder")
    return Decoder.open(bundle, generator)


def watched(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The first channel (n_times,) of each window that `decoder` reads: the numbers of its samples."""
    windows: list[np.ndarray] = []
    decode: Callable[[np.ndarray], np.ndarray] = decoder.decode

    def note(window: np.ndarray) -> np.ndarray:
        windows.append(window[0].copy())
        return decode(window)

    monkeypatch.setattr(decoder, "decode", note)
    return windows


def test_no_window_holds_samples_from_both_sides_of_a_gap(
    tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = unfiltered(tmp_path / "decoder", generator)
    windows = watched(decoder, monkeypatch)
    (tmp_path / "record").mkdir()
    with Sender(CHANNELS, SFREQ, unit="a.u.") as sender:
        settings = SessionSettings(stream=StreamChoice(source_id=sender.source_id))
        session = Session(SessionPlan(settings, "reconnect", decoder, generator, folder=tmp_path / "record"))
        session.start(lambda event: None)
        try:
            assert until(lambda: len(windows) >= 3)
            sender.die()
            assert until(lambda: not session.status().stream_ok)
            before = len(windows)
            sender.revive()
            assert until(lambda: len(windows) >= before + 3)
        finally:
            session.stop()
    np.testing.assert_array_equal(np.diff(windows, axis=1), 1)
    assert session.counts["gaps"] == 1
    kept = read_lines(tmp_path / "record" / WINDOWS)
    assert len(kept) == len(windows) == session.counts["read"]
    for line, window in zip(kept, windows, strict=True):
        assert line["first_sample"] + len(window) - 1 <= session.counts["raw_samples"]
        assert (tmp_path / "record" / "pictures" / f"window_{line['window']:06d}_read.png").is_file()
    recording = read_run(tmp_path / "record")
    (jump,) = np.flatnonzero(np.diff(recording.data[0]) != 1)
    (gap,) = np.flatnonzero(np.diff(recording.times) > 1.5 / SFREQ)
    assert jump == gap
    assert windows[before - 1][-1] <= recording.data[0, jump] < windows[before][0]
