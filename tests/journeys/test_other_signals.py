"""Voxels and spike counts through the same door: check, replay, a live stream, and what is said when they are mixed up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_app.contract.bundle import Bundle, open_bundle
from bci_app.contract.lines import read_lines
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.streams.recordings import write_recording
from bci_app.streams.run_folder import read_run
from tests.journeys.conftest import CHANNELS, SFREQ, Command
from tests.sender import Sender
from tests.tiny import tiny_decoder

VOXELS, NEURONS = tuple(f"v{number}" for number in range(300)), tuple(f"n{number}" for number in range(12))
TR_S = 2.5


def generator(bundles: dict[str, Path]) -> Bundle:
    return open_bundle(bundles["generator"])


@pytest.fixture
def voxel_decoder(tmp_path: Path, bundles: dict[str, Path]) -> Path:
    """One volume, from 4 s on after an onset that is 1.25 s later than its marker."""
    cut = TrialSpec(start_s=4.0, stop_s=6.5, latency_s=1.25)
    return tiny_decoder(
        tmp_path / "voxels", generator(bundles), VOXELS, 1 / TR_S, cut, decimation=1, kind="fmri-decoder"
    ).folder


@pytest.fixture
def spike_decoder(tmp_path: Path, bundles: dict[str, Path]) -> Path:
    """Sliding windows of 0.2 s."""
    cut = WindowSpec(window_s=0.2, hop_s=0.2)
    return tiny_decoder(
        tmp_path / "spikes", generator(bundles), NEURONS, SFREQ, cut, decimation=1, kind="spike-decoder"
    ).folder


def scanned() -> Recording:
    """Thirty volumes, and a picture every 10 s that is shown half-way between two."""
    data = np.random.default_rng(0).normal(1000, 20, (300, 30)).astype(np.float32)
    markers = tuple(Marker(1.25 + 10 * number, f"house {number}") for number in range(6))
    return Recording(data, TR_S * np.arange(30), VOXELS, 1 / TR_S, markers, "scanned", "au")


def test_check_says_what_a_decoder_reads_and_when_its_trials_begin(
    voxel_decoder: Path, spike_decoder: Path, command: Command
) -> None:
    outcome = command("check", voxel_decoder)
    assert "Bundle 'tiny decoder' (fmri-decoder) is sound." in outcome.out
    assert "Reads: fMRI of 300 voxels at 0.4 Hz" in outcome.out
    assert "Onset of a trial: 1250 ms after its marker" in outcome.out
    outcome = command("check", spike_decoder)
    assert "Reads: spike counts of 12 neurons at 100 Hz" in outcome.out
    assert "Onset" not in outcome.out
    card = (voxel_decoder / "card.md").read_text()
    assert "from the fMRI of 300 voxels at 0.4 Hz" in card
    assert "v63 and 236 more. Reference: none. Filter delay at 0.1 Hz: 0 ms." in card
    assert "The onset of a trial is taken to be 1250 ms after its marker." in card


def test_a_recording_of_voxels_is_replayed_read_and_reported_as_what_it_is(
    tmp_path: Path, bundles: dict[str, Path], voxel_decoder: Path, command: Command
) -> None:
    write_recording(scanned(), tmp_path / "scanned.npz")
    outcome = command(
        "replay", tmp_path / "scanned.npz", "--decoder", voxel_decoder, "--generator", bundles["generator"],
        "--speed", "40", "--folder", tmp_path / "runs", "--offscreen",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    assert "The recording has ended. 6 pictures were read from the fMRI" in outcome.out
    assert "WARNING" not in outcome.err
    (run,) = (tmp_path / "runs").iterdir()
    assert [entry["marker"] for entry in read_lines(run / "trials.jsonl")] == [f"house {n}" for n in range(6)]
    summary = json.loads((run / "summary.json").read_text("utf-8"))
    assert (summary["signal"], summary["decoder"]["marker_latency_ms"]) == ("fMRI", 1250.0)
    assert summary["stream"].endswith("300 voxels · 0.4 Hz")
    page = (run / "report.html").read_text("utf-8")
    assert page.count('alt="read from fMRI"') == 6
    assert "EEG" not in page
    assert "1250 ms after its marker" in page
    recorded = read_run(run)
    assert recorded.unit == "au"
    np.testing.assert_array_equal(recorded.data, scanned().data)


def live(command: Command, tmp_path: Path, bundles: dict[str, Path], decoder: Path, *arguments: object) -> Any:
    return command(
        "run", "--decoder", decoder, "--generator", bundles["generator"], "--folder", tmp_path / "runs", "--offscreen",
        "--for", "1.2", *arguments,
    )  # fmt: skip


def test_a_live_stream_of_spike_counts_is_found_by_its_type_and_read(
    tmp_path: Path, bundles: dict[str, Path], spike_decoder: Path, command: Command
) -> None:
    with Sender(NEURONS, SFREQ, unit="spikes/bin", type="Spikes"):
        outcome = live(command, tmp_path, bundles, spike_decoder)
    assert outcome.status == 0, outcome.err
    assert "pictures were read from the spike counts" in outcome.out
    assert "flat" not in outcome.err


def test_a_stream_in_another_kind_of_unit_is_refused_and_can_be_declared(
    tmp_path: Path, bundles: dict[str, Path], spike_decoder: Path, command: Command
) -> None:
    with Sender(NEURONS, SFREQ, unit="microvolts") as sender:
        complaint = live(command, tmp_path, bundles, spike_decoder, "--source-id", sender.source_id).complaint()
        assert "must be a count of spikes (count, counts, spikes or spikes/bin); it says 'microvolts'" in complaint
        declared = live(command, tmp_path, bundles, spike_decoder, "--source-id", sender.source_id, "--unit", "count")
    assert declared.status == 0, declared.err
    with Sender(CHANNELS, SFREQ, unit="spikes") as sender:
        complaint = live(command, tmp_path, bundles, bundles["windows"], "--source-id", sender.source_id).complaint()
    assert "must be a voltage (uV, mV, V, nV or the word); it says 'spikes'" in complaint


def test_a_recording_of_another_kind_is_refused_by_replay_and_by_calibrate(
    tmp_path: Path, bundles: dict[str, Path], spike_decoder: Path, command: Command
) -> None:
    data = np.random.default_rng(0).poisson(1.0, (12, 300)).astype(np.float32)
    counted = Recording(data, np.arange(300) / SFREQ, NEURONS, SFREQ, (Marker(0.5, "house"),), "counted", "count")
    write_recording(replace(counted, unit="uV"), tmp_path / "volts.npz")
    complaint = command(
        "replay", tmp_path / "volts.npz", "--decoder", spike_decoder, "--generator", bundles["generator"],
        "--folder", tmp_path / "runs", "--offscreen",
    ).complaint()  # fmt: skip
    assert "must be a count of spikes" in complaint
    write_recording(counted, tmp_path / "counted.npz")
    complaint = command("calibrate", tmp_path / "counted.npz", "--pictures", tmp_path).complaint()
    assert (
        "the recording 'counted' is in 'count'. For voxels and spike counts, train a decoder in the workshop"
        in complaint
    )
