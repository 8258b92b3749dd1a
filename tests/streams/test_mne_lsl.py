"""Somebody else's sender: mne-lsl's player, with its own liblsl in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from uuid import uuid4

import numpy as np
import pytest

from bci_app.streams.lsl import find
from bci_app.streams.lsl_source import LslSource

pytest.importorskip("mne_lsl", reason="mne-lsl is not installed: pip install 'bci-app[dev]'")

PLAYER = """
import sys, mne, numpy as np
from mne_lsl.player import PlayerLSL
mne.set_log_level("error")
numbers = np.arange(20_000)
info = mne.create_info(["number", "Oz"], 500.0, "eeg")
raw = mne.io.RawArray(1e-6 * np.stack([numbers % 4096, np.sin(numbers)]), info)
player = PlayerLSL(raw, chunk_size=10, n_repeat=1, name="mne player", source_id=sys.argv[1]).start()
sys.stdin.read()
player.stop()
"""


def test_a_stream_of_mne_lsl_is_read_in_microvolts_without_loss() -> None:
    source_id = f"mne-{uuid4().hex}"
    quiet = os.environ | {"MNE_LSL_LOG_LEVEL": "ERROR"}
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PLAYER, source_id], stdin=subprocess.PIPE, env=quiet, text=True
    )
    try:
        description = find(source_id=source_id, timeout_s=30)
        source = LslSource(description, ["Oz", "number"])
        chunks = [chunk for _ in range(60) if (chunk := source.pull(0.5)) is not None]
        source.close()
    finally:
        assert child.stdin is not None
        child.stdin.close()
        child.wait(20)
    data = np.concatenate([chunk.data for chunk in chunks], axis=1)
    assert description.sfreq == 500.0
    assert data.shape[1] >= 300
    assert not any(chunk.gap_before for chunk in chunks)
    np.testing.assert_allclose(np.diff(data[1]) % 4096, 1.0, atol=1e-2)
    assert np.abs(data[0]).max() == pytest.approx(1.0, abs=0.01)
