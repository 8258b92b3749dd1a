"""The page of a calibration tells its pictures, when they came, and what the decoder that was kept reads beside its controls."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.bundle import write_bundle
from bci_app.contract.manifest import Score
from bci_app.contract.windowing import TrialSpec
from bci_app.engine import report_calibration
from bci_app.engine.bad_channels import keep_bad_channels
from bci_app.engine.events import Finished
from bci_app.engine.reopening import report_again
from bci_app.engine.session_file import begin_session, end_session
from bci_app.engine.sessions import read_entry
from tests.engine.conftest import CHANNELS, SFREQ
from tests.engine.test_reopening import record
from tests.tiny import tiny_decoder, tiny_generator

DELAYS_S = (0.004, 0.004, 0.020, 0.004)
ABOUT: dict[str, Any] = {
    "kind": "signal", "title": "Calibration", "participant": "P07", "signal": "EEG", "watermark": "",
    "generator": {"name": "g", "digest": "1" * 64}, "settings": {"recipe": {"n_folds": 5}}, "stream": None,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A calibration of four pictures of which one came a frame late; one channel was marked bad."""
    run = tmp_path / "calibration"
    record(run)
    (run / "pictures").mkdir()
    lines = []
    for number, delay_s in enumerate(DELAYS_S):
        Image.fromarray(np.full((4, 4, 3), 60 * number, np.uint8)).save(run / f"pictures/trial_{number:04d}_shown.png")
        picture = f"shapes/<b>{number}/x"
        lines.append({"trial": number, "picture": picture, "due_s": 10.0 + number, "onset_s": 10.0 + number + delay_s})
    (run / "trials.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"cut')
    keep_bad_channels(run, ("Oz",))
    begin_session(run, ABOUT)
    end_session(run, Finished("All 4 pictures were shown.", fatal=False))
    return run


def cells(page: str) -> list[str]:
    return re.findall(r"<td>(.*?)</td>", page.replace("\n", ""))


def test_pictures_onsets_and_bad_channels_are_told_and_that_no_decoder_was_kept(folder: Path) -> None:
    page = report_again(folder).read_text("utf-8")
    assert read_entry(folder).kind == "calibration"
    assert "<h1>Calibration</h1>" in page
    assert "All 4 pictures were shown. No decoder of it was kept." in page
    assert page.count('<img alt="shapes &lt;b&gt;') == 4
    told = cells(page)
    for name, value in (
        ("onsets late by 17 ms or more", "1 of 4"),
        ("delay p50, ms", "4.0"),
        ("channels marked bad, and not read", "Oz"),
    ):
        assert told[told.index(name) + 1] == value


def test_the_decoder_that_was_kept_is_told_with_its_figures_and_one_that_is_broken_in_words(
    folder: Path, tmp_path: Path
) -> None:
    cut = TrialSpec(start_s=0.0, stop_s=0.4)
    tiny = tiny_decoder(tmp_path / "tiny", tiny_generator(tmp_path / "generator"), CHANNELS, SFREQ, cut)
    score = Score(
        name="pairwise identification", value=0.712, low=0.65, high=0.77, chance=0.5, noise_input=0.51,
        shuffled_pairing=0.498, n=40, held_out="5 folds",
    )  # fmt: skip
    manifest = tiny.manifest.model_copy(update={"metrics": (score,)})
    bundle = write_bundle(folder / "decoder", manifest, {name: tiny.read(name) for name in tiny.manifest.files})
    page = report_again(folder).read_text("utf-8")
    assert "tried on pictures that it was not made with. The pictures were read from the EEG" in page
    told = cells(page)
    assert f"{bundle.digest[:16]}…" in told
    at = told.index("pairwise identification")
    assert told[at : at + 7] == [score.name, "0.712", "0.650 to 0.770", "0.500", "0.510", "0.498", "40"]
    assert "Held out: 5 folds." in page
    (folder / "decoder" / "golden.npz").write_bytes(b"cut")
    assert "The decoder that was kept cannot be read" in report_again(folder).read_text("utf-8")


def test_of_many_pictures_some_are_shown_from_the_first_to_the_last(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_calibration, "_MOST", 2)
    page = report_again(folder).read_text("utf-8")
    assert re.findall(r'<img alt="shapes &lt;b&gt;(\d)"', page) == ["0", "3"]
    assert "2 of 4, at equal distances" in page
