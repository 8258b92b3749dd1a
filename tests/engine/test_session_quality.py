"""What the report says of a channel is what was made of it, over the whole recording and not only at its end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bci_app.engine.bad_channels import keep_bad_channels
from bci_app.engine.reopening import report_again
from bci_app.engine.session_file import begin_session
from bci_app.engine.session_quality import LOOKS, session_quality

SFREQ = 100.0
CHANNELS = ("good", "<b>flat", "half")


def write(folder: Path, data: np.ndarray, unit: str = "uV") -> None:
    """A recording of `data` (n_channels, n_times), as the recorder leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "eeg.json").write_text(json.dumps({"channels": CHANNELS, "sfreq": SFREQ, "unit": unit}))
    (folder / "eeg.f32").write_bytes(np.ascontiguousarray(data.T, np.float32).tobytes())
    (folder / "eeg_times.f64").write_bytes((np.arange(data.shape[1]) / SFREQ).tobytes())


def three_channels(seconds: float) -> np.ndarray:
    """Noise; nothing; and a channel that comes off half way."""
    data = 10 * np.random.default_rng(0).normal(size=(3, round(seconds * SFREQ)))
    data[1] = 0.0
    data[2, data.shape[1] // 2 :] = 0.0
    return data


def test_looks_are_spread_over_the_recording_and_the_worst_channel_comes_first(tmp_path: Path) -> None:
    write(tmp_path, three_channels(200))
    keep_bad_channels(tmp_path, ("half",))
    flat, half, good = session_quality(tmp_path)
    assert (flat.channel, flat.bad, flat.n_looks) == ("<b>flat", LOOKS, LOOKS)
    assert flat.words.startswith("flat")
    assert (half.channel, half.bad, half.good, half.marked) == ("half", LOOKS // 2, LOOKS // 2, True)
    assert (good.channel, good.good, good.words, good.marked) == ("good", LOOKS, "", False)


def test_parts_count_together_and_what_is_short_or_no_eeg_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, three_channels(4.0))
    write(tmp_path / "part-2", three_channels(4.0))
    write(tmp_path / "part-3", three_channels(1.0))
    assert {row.n_looks for row in session_quality(tmp_path)} == {2}
    write(tmp_path / "counts", three_channels(10.0), unit="count")
    assert session_quality(tmp_path / "counts") == ()
    assert session_quality(tmp_path / "nothing") == ()


def test_the_page_lists_what_was_amiss_and_counts_the_rest(tmp_path: Path) -> None:
    write(tmp_path, three_channels(40))
    begin_session(tmp_path, {"kind": "signal", "title": "t", "stream": None})
    page = report_again(tmp_path).read_text("utf-8")
    assert "1 of 3 channels were good in every one of 8 looks" in page
    assert "&lt;b&gt;flat" in page
    assert "<td>good</td>" not in page
