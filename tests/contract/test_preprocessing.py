"""The one preprocessor: exact at any chunking, right against independent formulas."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import signal

from bci_app.contract.errors import ChannelError, SettingsError, SignalError
from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor, cut_trials, preprocess_recording
from bci_app.contract.signal import Chunk, Marker, Recording
from bci_app.contract.windowing import TrialSpec

CHANNELS = tuple("abcdefg")
SFREQ = 256.0


def make_recording(n_times: int = 3000, seed: int = 0, gap_at: int | None = None) -> Recording:
    rng = np.random.default_rng(seed)
    data = rng.normal(scale=20, size=(len(CHANNELS), n_times)).astype(np.float32)
    times = 10 + np.arange(n_times) / SFREQ
    if gap_at is not None:
        times[gap_at:] += 0.5
    return Recording(data, times, CHANNELS, SFREQ)


def processed(recording: Recording, spec: PreprocessingSpec, sizes: object) -> np.ndarray:
    preprocessor = Preprocessor(spec)
    return np.concatenate([preprocessor.process(chunk).data for chunk in recording.chunks(sizes)], axis=1)


@pytest.mark.parametrize("reference", ["average", "none"])
@pytest.mark.parametrize("decimation", [1, 3])
@pytest.mark.parametrize("gap_at", [None, 1001])
def test_any_chunking_gives_the_same_bits(reference: str, decimation: int, gap_at: int | None) -> None:
    recording = make_recording(gap_at=gap_at)
    spec = PreprocessingSpec.design(CHANNELS, SFREQ, (1, 40), 50.0, reference, decimation)
    whole = processed(recording, spec, None)
    random_sizes = np.random.default_rng(1).integers(1, 200, 3000).tolist()
    for sizes in (1, 7, random_sizes):
        assert np.abs(processed(recording, spec, sizes) - whole).max() == 0.0
    assert whole.any()


def test_filtering_is_scipys_sosfilt_of_the_average_referenced_signal() -> None:
    recording = make_recording()
    spec = PreprocessingSpec.design(CHANNELS, SFREQ, (1, 40), reference="average")
    raw = recording.data.astype(np.float64)
    referenced = raw - raw.mean(axis=0)
    sos = signal.butter(2, (1, 40), "bandpass", fs=SFREQ, output="sos")
    rest = signal.sosfilt_zi(sos)[:, None, :] * referenced[None, :, :1]
    expected, _ = signal.sosfilt(sos, referenced, zi=rest)
    np.testing.assert_allclose(processed(recording, spec, 13), expected, atol=1e-4)


def test_the_output_never_depends_on_samples_to_come() -> None:
    recording = make_recording()
    spec = PreprocessingSpec.design(CHANNELS, SFREQ, (1, 40))
    changed = recording.data.copy()
    changed[:, 1500:] += 100
    later = Recording(changed, recording.times, CHANNELS, SFREQ)
    before, after = processed(recording, spec, None), processed(later, spec, None)
    assert (before[:, :1500] == after[:, :1500]).all()
    assert (before[:, 1500:] != after[:, 1500:]).any()


def test_a_constant_offset_is_settled_from_the_first_sample() -> None:
    flat = Recording(np.full((2, 500), 4000, np.float32), np.arange(500) / SFREQ, ("a", "b"), SFREQ)
    spec = PreprocessingSpec.design(("a", "b"), SFREQ, (1, 40), reference="none")
    assert np.abs(processed(flat, spec, 8)).max() < 1e-3


def test_a_gap_starts_the_filters_afresh() -> None:
    spec = PreprocessingSpec.design(CHANNELS, SFREQ, (1, 40), decimation=2)
    recording = make_recording(gap_at=1001)
    after = Recording(recording.data[:, 1001:], recording.times[1001:], CHANNELS, SFREQ)
    store = preprocess_recording(recording, spec)
    assert store.gaps == (501,)
    np.testing.assert_array_equal(store.data[:, 501:], processed(after, spec, None))


def test_decimation_keeps_every_nth_sample_with_its_own_time() -> None:
    recording = make_recording()
    fine = preprocess_recording(recording, PreprocessingSpec(channels=CHANNELS, sfreq=SFREQ))
    coarse = preprocess_recording(recording, PreprocessingSpec(channels=CHANNELS, sfreq=SFREQ, decimation=4))
    np.testing.assert_array_equal(coarse.data, fine.data[:, ::4])
    np.testing.assert_array_equal(coarse.times, fine.times[::4])
    assert coarse.sfreq == SFREQ / 4


def test_frequencies_above_the_new_half_rate_do_not_fold_back() -> None:
    times = np.arange(8192) / 1024.0
    tone = np.sin(2 * np.pi * 230.0 * times)[None].astype(np.float32) * 100
    spec = PreprocessingSpec.design(("a",), 1024.0, (None, 30.0), reference="none", decimation=4)
    kept = preprocess_recording(Recording(tone, times, ("a",), 1024.0), spec).data[0, 500:]
    assert np.sqrt((kept**2).mean()) < 0.01 * 100 / np.sqrt(2)


@pytest.mark.parametrize("at_hz", [4.0, 10.0, 20.0])
def test_the_delay_told_is_the_delay_measured(at_hz: float) -> None:
    spec = PreprocessingSpec.design(("a",), SFREQ, (1, 40), reference="none")
    times = np.arange(int(20 * SFREQ)) / SFREQ
    packet = np.exp(-(((times - 10) / 1.5) ** 2)) * np.cos(2 * np.pi * at_hz * (times - 10))
    out = preprocess_recording(Recording(packet[None].astype(np.float32), times, ("a",), SFREQ), spec).data[0]
    envelope = np.abs(signal.hilbert(out))
    centre = (envelope**2 * times).sum() / (envelope**2).sum()
    assert centre - 10 == pytest.approx(spec.delay_s(at_hz), abs=0.004)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sample_that_is_no_number_is_named_and_leaves_the_state_alone(bad: float) -> None:
    recording = make_recording(200)
    spec = PreprocessingSpec.design(CHANNELS, SFREQ)
    chunks = list(recording.chunks(50))
    broken = chunks[1].data.copy()
    broken[2, 7] = bad
    preprocessor = Preprocessor(spec)
    results = [preprocessor.process(chunks[0]).data]
    with pytest.raises(SignalError, match=r"channel\(s\) c hold NaN or infinity"):
        preprocessor.process(Chunk(broken, chunks[1].times, 50))
    results += [preprocessor.process(chunk).data for chunk in chunks[1:]]
    np.testing.assert_array_equal(np.concatenate(results, axis=1), processed(recording, spec, None))


def test_another_number_of_channels_is_refused() -> None:
    with pytest.raises(SignalError, match="7 channels; the chunk has 2"):
        Preprocessor(PreprocessingSpec.design(CHANNELS, SFREQ)).process(Chunk(np.zeros((2, 5)), np.arange(5.0), 0))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"band_hz": (40.0, 1.0)}, "low below high"),
        ({"band_hz": (1.0, 200.0)}, "half the rate"),
        ({"band_hz": (1.0, 40.0), "decimation": 4}, "does not fit the 64 Hz"),
        ({"notch_hz": 128.0}, "half the rate"),
    ],
)
def test_filters_that_cannot_be_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        PreprocessingSpec.design(CHANNELS, SFREQ, **settings)


def test_an_unstable_filter_is_refused() -> None:
    with pytest.raises(SettingsError, match="stable"):
        PreprocessingSpec(channels=("a", "b"), sfreq=SFREQ, sos=((1, 0, 0, 1, -2.1, 1.2),))


def test_doubled_channels_and_unknown_keys_are_refused() -> None:
    with pytest.raises(ChannelError, match="doubled: a"):
        PreprocessingSpec(channels=("a", "a"), sfreq=SFREQ)
    with pytest.raises(ValidationError, match="colour"):
        PreprocessingSpec(channels=("a", "b"), sfreq=SFREQ, colour="red")


def test_trials_are_cut_at_the_sample_nearest_to_the_marker() -> None:
    recording = make_recording()
    markers = (Marker(recording.times[400] + 0.4 / SFREQ, "near"), Marker(recording.times[-3], "late"))
    recording = Recording(recording.data, recording.times, CHANNELS, SFREQ, markers)
    spec = PreprocessingSpec(channels=CHANNELS, sfreq=SFREQ, reference="none")
    trials, dropped = cut_trials(recording, spec, TrialSpec(start_s=-0.1, stop_s=0.5))
    assert [trial.marker.label for trial in trials] == ["near"]
    np.testing.assert_array_equal(trials[0].window.data, recording.data[:, 400 - 26 + 0 : 400 + 128])
    assert dropped == [(markers[1], "the recording ended before it was complete")]


def test_the_rhythm_whose_delay_is_told_is_one_that_the_signal_holds() -> None:
    assert PreprocessingSpec.design(("a", "b"), 256.0, decimation=2).told_hz == 10.0
    volumes = PreprocessingSpec(channels=("v",), sfreq=0.4, unit="au", reference="none")
    assert volumes.told_hz == pytest.approx(0.1)
    assert volumes.delay_s(volumes.told_hz) == 0.0
    with pytest.raises(SettingsError, match=r"holds rhythms below 0\.2 Hz; the delay at 10 Hz was asked for"):
        volumes.delay_s(10.0)
