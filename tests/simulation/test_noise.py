from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from bci_app.simulation.noise import BLOCK, OverlapAdd, PoissonTimes, pink_filter
from bci_app.simulation.participant import Participant
from bci_app.simulation.settings import ParticipantSettings

QUIET = {
    "n_channels": 8,
    "alpha_uv": 0.0,
    "line_uv": 0.0,
    "blink_rate_hz": 0.0,
    "pop_rate_hz": 0.0,
    "sensor_uv": 0.0,
}


def record(seconds: float, **changes: object) -> np.ndarray:
    settings = ParticipantSettings.model_validate(QUIET | changes)
    return Participant(settings).generate(int(seconds * settings.sfreq)).astype(float)


@pytest.mark.parametrize("sfreq", [128.0, 256.0, 1000.0])
def test_the_pink_filter_falls_as_one_over_f_with_unit_variance(sfreq: float) -> None:
    sos, share = pink_filter(sfreq)
    hz = np.geomspace(1.0, sfreq / 4, 60)
    power = np.abs(signal.freqz_sos(sos, hz, fs=sfreq)[1]) ** 2
    assert np.polyfit(np.log(hz), np.log(power), 1)[0] == pytest.approx(-1.0, abs=0.05)
    impulse = np.zeros(int(60 * sfreq))
    impulse[0] = 1.0
    assert (signal.sosfilt(sos, impulse) ** 2).sum() == pytest.approx(1.0, rel=0.01)
    assert share.sum() == pytest.approx(1.0)


def test_the_background_falls_as_one_over_f_and_has_the_asked_size() -> None:
    data = record(120.0, pink_uv=12.0)
    hz, power = signal.welch(data, 256.0, nperseg=1024)
    band = (hz >= 1.0) & (hz <= 40.0)
    slope = np.polyfit(np.log(hz[band]), np.log(power.mean(axis=0)[band]), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.1)
    assert np.sqrt((data**2).mean()) == pytest.approx(12.0, rel=0.1)


def test_neighbouring_electrodes_hear_the_same_background_and_distant_ones_less() -> None:
    participant = Participant(ParticipantSettings.model_validate(QUIET | {"n_channels": 64}))
    correlation = np.corrcoef(participant.generate(256 * 60))
    apart = np.linalg.norm(participant.electrodes[:, None] - participant.electrodes, axis=2)
    near, far = (apart > 0) & (apart < 0.4), apart > 1.2
    assert correlation[near].mean() > 0.5 > correlation[far].mean() + 0.3


def test_alpha_peaks_at_its_frequency_over_the_back_of_the_head() -> None:
    participant = Participant(
        ParticipantSettings.model_validate(QUIET | {"n_channels": 64, "alpha_uv": 8.0, "alpha_hz": 10.5})
    )
    hz, power = signal.welch(participant.generate(256 * 60), 256.0, nperseg=512)
    loudest = int(np.argmax(power[:, (hz > 9) & (hz < 12)].sum(axis=1)))
    assert participant.channels[loudest].startswith("PO") or participant.channels[loudest].startswith("P")
    inside = (hz > 6) & (hz < 20)
    assert hz[inside][np.argmax(power[loudest, inside])] == pytest.approx(10.5, abs=0.6)


@pytest.mark.parametrize("line_hz", [50.0, 60.0])
def test_mains_hum_stands_at_its_frequency_with_the_asked_size(line_hz: float) -> None:
    data = record(20.0, line_uv=5.0, line_hz=line_hz) - record(20.0)
    hz, power = signal.welch(data.mean(axis=0), 256.0, nperseg=2048)
    assert hz[np.argmax(power)] == pytest.approx(line_hz, abs=0.2)
    assert np.sqrt((data**2).mean()) == pytest.approx(5.0, rel=0.02)


def test_blinks_are_large_at_the_front_and_small_at_the_back() -> None:
    settings = ParticipantSettings.model_validate(QUIET | {"n_channels": 64, "blink_rate_hz": 0.5})
    data = Participant(settings).generate(256 * 30)
    peak = dict(zip(Participant(settings).channels, data.max(axis=1), strict=True))
    assert peak["Fp1"] > 60
    assert peak["Fp2"] > 60
    assert peak["Fp1"] > 2 * peak["Cz"] > 0
    assert peak["Oz"] < 50


def test_a_drop_out_is_flat_on_one_channel_for_about_the_asked_time() -> None:
    data = record(120.0, drop_out_rate_hz=0.1, drop_out_s=2.0)
    flat = data == 0.0
    assert flat.sum() > 256
    assert (flat.sum(axis=0) <= 3).all()
    edges = np.diff(np.pad(flat.astype(int), ((0, 0), (1, 1))), axis=1)
    lengths_s = (np.nonzero(edges == -1)[1] - np.nonzero(edges == 1)[1]) / 256.0
    whole = lengths_s[lengths_s > 0.5]
    assert len(whole) > 4
    assert ((whole > 0.9) & (whole < 6.1)).all()
    assert whole.mean() == pytest.approx(2.0, rel=0.4)


def test_a_pop_jumps_on_one_channel_and_decays() -> None:
    difference = record(60.0, pop_rate_hz=0.1, pop_uv=100.0) - record(60.0)
    touched = np.abs(difference) > 1.0
    assert touched.any()
    assert (touched.sum(axis=0) <= 2).all()
    assert 50.0 <= np.abs(difference).max() <= 300.0


def test_one_kind_of_noise_leaves_the_others_as_they_were() -> None:
    loud = record(10.0, blink_rate_hz=0.5, drop_out_rate_hz=0.2)
    quiet = record(10.0, drop_out_rate_hz=0.2)
    assert np.array_equal(loud == 0.0, quiet == 0.0)


def test_events_come_at_the_asked_rate_and_in_order_over_any_blocks() -> None:
    events = PoissonTimes(2.0, 256.0, np.random.default_rng(0))
    times = [at for stop in range(0, 256 * 1000, BLOCK) for at in events.before(stop)]
    assert len(times) == pytest.approx(2000, abs=150)
    assert times == sorted(times)
    assert list(PoissonTimes(0.0, 256.0, np.random.default_rng(0)).before(10**9)) == []


def test_overlapping_responses_add_up_and_are_forgotten() -> None:
    pending = OverlapAdd()
    pending.add(2, np.ones((1, 4)))
    pending.add(4, np.full((1, 4), 10.0))
    out = np.zeros((1, 5))
    pending.add_to(0, out)
    assert out[0].tolist() == [0, 0, 1, 1, 11]
    out = np.zeros((1, 5))
    pending.add_to(5, out)
    assert out[0].tolist() == [11, 10, 10, 0, 0]
    assert pending._pending == []
