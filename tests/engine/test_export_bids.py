"""What MNE reads of a data set is what was recorded, each marker at its sample; and nothing in it names anybody or a day."""

from __future__ import annotations

import csv
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import RecordingError, SettingsError
from bci_app.contract.signal import Marker, Recording
from bci_app.engine.export_bids import label, nearest, write_bids

N, SFREQ = 600, 250.0


def new_recording(n_times: int = N) -> Recording:
    """Noise with two seconds missing before sample 300, and three markers near samples 10, 299 and 450."""
    times = 5000.0 + np.arange(n_times) / SFREQ
    times[300:] += 2.0
    markers = tuple(
        Marker(float(times[sample]) + shift, text)
        for sample, shift, text in ((10, 0.0015, "shown/shapes/red/0"), (299, -0.001, "zwölf"), (450, 0.0, "zwölf"))
        if sample < n_times
    )
    data = (30 * np.random.default_rng(1).normal(size=(3, n_times))).astype(np.float32)
    return Recording(data, times, ("O1", "Oz", "O2"), SFREQ, markers, "run-20261126-Anna", "uV")


def test_a_data_set_of_two_runs_gives_back_samples_events_and_bad_channels(tmp_path: Path) -> None:
    import mne_bids

    recording, root = new_recording(), tmp_path / "set"
    others = Recording(np.arange(N, dtype=np.float32)[np.newaxis], recording.times, ("trigger",), SFREQ, unit="au")
    first = write_bids(recording, root, "P-07", "decoding", ("Oz", "not there"), "Simulated participant.", others)
    second = write_bids(recording, root, "P-07", "decoding")
    assert [each.name for each in (first, second)] == [
        f"sub-P07_task-decoding_run-0{run}_eeg.vhdr" for run in (1, 2)
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = mne_bids.read_raw_bids(mne_bids.get_bids_path_from_fname(first), verbose="error").load_data(
            verbose="error"
        )
    np.testing.assert_allclose(1e6 * raw.get_data("eeg"), recording.data, rtol=3e-7)
    np.testing.assert_allclose(raw.get_data("misc"), others.data, rtol=3e-7)
    assert (raw.ch_names, raw.info["sfreq"]) == (["O1", "Oz", "O2", "trigger"], SFREQ)
    assert (raw.info["meas_date"], raw.info["bads"]) == (None, ["Oz"])
    with first.with_name(first.name.replace("_eeg.vhdr", "_events.tsv")).open(encoding="utf-8") as file:
        events = [(row["trial_type"], int(row["sample"])) for row in csv.DictReader(file, delimiter="\t")]
    assert events == [("shown/shapes/red/0", 10), ("zwölf", 299), ("BAD boundary", 300), ("zwölf", 450)]
    with first.with_name(first.name.replace("_eeg.vhdr", "_channels.tsv")).open(encoding="utf-8") as file:
        rows = [(row["type"], row["units"], row["status"]) for row in csv.DictReader(file, delimiter="\t")]
    good = ("EEG", "µV", "good")
    assert rows == [good, ("EEG", "µV", "bad"), good, ("MISC", "n/a", "good")]
    sidecar = json.loads(first.with_suffix(".json").read_text("utf-8"))
    assert (sidecar["TaskDescription"], sidecar["Manufacturer"]) == ("Simulated participant.", "n/a")
    described = json.loads((root / "dataset_description.json").read_text("utf-8"))
    assert (described["Name"], described["DatasetType"]) == ("Sessions recorded with bci-app", "raw")
    assert (root / "participants.tsv").read_text("utf-8").split()[6] == "sub-P07"
    content = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file() and path.name != "README")
    for word in (b"Anna", b"2026"):
        assert word not in content


@pytest.mark.parametrize(
    ("unit", "n_times", "subject", "error", "words"),
    [
        ("count", N, "P07", RecordingError, "Export it to XDF"),
        ("uV", 0, "P07", RecordingError, "no samples"),
        ("uV", N, "", SettingsError, "--subject"),
        ("uV", N, "_-", SettingsError, "--subject"),
    ],
)
def test_what_bids_cannot_hold_is_refused_in_words(
    tmp_path: Path, unit: str, n_times: int, subject: str, error: type[Exception], words: str
) -> None:
    whole = new_recording(n_times)
    recording = Recording(whole.data, whole.times, whole.channels, SFREQ, whole.markers, "r", unit)  # type: ignore[arg-type]
    with pytest.raises(error, match=words):
        write_bids(recording, tmp_path / "set", subject, "decoding")
    assert not (tmp_path / "set").exists()


def test_without_the_library_the_way_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mne_bids", None)
    with pytest.raises(SettingsError, match=r"pip install 'bci-app\[bids\]'"):
        write_bids(new_recording(), tmp_path, "P07", "decoding")


def test_a_time_belongs_to_the_nearest_sample_and_stays_inside(tmp_path: Path) -> None:
    recording = new_recording()
    rng = np.random.default_rng(0)
    for time_s in (*rng.uniform(4999, 5006, 50), recording.times[0], recording.times[-1]):
        assert nearest(recording, float(time_s)) == int(np.argmin(np.abs(recording.times - time_s)))
    assert nearest(new_recording(1), 1.0) == 0
    assert label("P-0_7 ä") == "P07"
