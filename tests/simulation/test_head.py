from __future__ import annotations

from pathlib import Path

import mne
import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.simulation.head import OZ, choose_channels, make_head

BACK = np.array([[0.2, -0.7, 0.1], [-0.3, 0.2, 0.5]])
UP = np.array([[0.0, 0.0, 1.0], [0.6, 0.8, 0.0]])


def test_the_lead_field_is_the_one_mne_gives_for_a_single_dipole() -> None:
    head = make_head("biosemi64", 64, BACK, UP)
    montage = mne.channels.make_standard_montage("biosemi64")
    info = mne.create_info(montage.ch_names, 256.0, "eeg").set_montage(montage)
    sphere = mne.make_sphere_model("auto", "auto", info, verbose="error")
    ten_nam = 1e-8
    dipole = mne.Dipole([0.0], [sphere["r0"] + BACK[0] * sphere.radius], [ten_nam], [UP[0]], [1.0])
    forward, _ = mne.make_forward_dipole(dipole, sphere, info, verbose="error")
    volts = forward["sol"]["data"][:, 0] * ten_nam
    np.testing.assert_allclose(head.gain[:, 0] * 10.0, volts * 1e6, rtol=1e-5, atol=1e-9)


def test_a_source_in_the_right_hemisphere_is_strongest_on_the_right() -> None:
    outward = np.array([[0.6, -0.5, 0.0]])
    head = make_head("biosemi64", 64, outward, outward / np.linalg.norm(outward))
    assert head.channels[int(np.argmax(np.abs(head.gain[:, 0])))] in {"PO8", "P8", "P10", "P6", "TP8"}


def test_electrodes_lie_on_the_head() -> None:
    head = make_head("biosemi64", 64, BACK, UP)
    np.testing.assert_allclose(np.linalg.norm(head.electrodes, axis=1), 1.0, atol=1e-6)
    assert head.channels[int(np.argmin(np.linalg.norm(head.electrodes - OZ, axis=1)))] == "Oz"


def test_a_small_cap_is_mostly_posterior_and_keeps_the_order_of_the_layout() -> None:
    whole, small = make_head("biosemi64", 64, BACK, UP), make_head("biosemi64", 8, BACK, UP)
    assert {"Oz", "O1", "O2", "POz"} < set(small.channels)
    order = [whole.channels.index(name) for name in small.channels]
    assert order == sorted(order)
    assert (small.electrodes[:, 1] > 0.3).any(), "one electrode at the front"
    np.testing.assert_allclose(small.gain, whole.gain[order], rtol=1e-10)
    assert (choose_channels(whole.electrodes, 64) == np.arange(64)).all()


def test_the_cache_returns_the_same_numbers_and_a_damaged_file_is_computed_again(
    lead_field_cache: Path,
) -> None:
    first = make_head("biosemi32", 32, BACK, UP)
    files = sorted((lead_field_cache / "lead-fields").glob("*.npz"), key=lambda file: file.stat().st_mtime_ns)
    assert np.array_equal(make_head("biosemi32", 32, BACK, UP).gain, first.gain)
    whole = files[-1].read_bytes()
    secret = whole.index(b"PK\x01\x02") + 8  # the flag that asks for a password
    for damaged in (b"PK\x03\x04 damaged", whole[:secret] + b"\x01" + whole[secret + 1 :]):
        files[-1].write_bytes(damaged)
        assert np.array_equal(make_head("biosemi32", 32, BACK, UP).gain, first.gain)
    assert not list((lead_field_cache / "lead-fields").glob("*.part"))


@pytest.mark.parametrize(("montage", "n", "named"), [("atlantis", 8, "atlantis"), ("biosemi16", 17, "16 electrodes")])
def test_an_impossible_cap_is_refused(montage: str, n: int, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        make_head(montage, n, BACK, UP)


def test_a_source_outside_the_brain_is_refused() -> None:
    with pytest.raises(SettingsError, match="outside"):
        make_head("biosemi16", 16, np.array([[0.0, 0.0, 0.95]]), UP[:1])
