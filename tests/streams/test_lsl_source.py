"""The live source, over real LSL: counted samples, named channels, gaps, silence, loss and return."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pylsl
import pytest

from bci_app.contract.errors import ChannelError, NoStreamError, RateError, UnitError
from bci_app.streams import lsl_link
from bci_app.streams.lsl import find, local_clock
from bci_app.streams.lsl_outlet import LslOutlet, TextOutlet
from bci_app.streams.lsl_source import LslSource
from bci_app.streams.recordings import write_recording
from bci_app.streams.replay import Pace, ReplayProcess
from tests.streams.conftest import Sender, counting_recording, pull_samples


def test_no_sample_is_lost_or_doubled_whatever_the_chunks(sender: Sender, opened: Callable[[Any], Any]) -> None:
    source, rng = opened(LslSource(sender.description)), np.random.default_rng(0)
    chunks = []
    for _ in range(100):
        sender.push(int(rng.integers(1, 60)))
        chunk = source.pull(1.0)
        chunks += [chunk] if chunk is not None else []
    chunks += pull_samples(source, sender.count - sum(chunk.n_times for chunk in chunks))
    data = np.hstack([chunk.data for chunk in chunks])
    np.testing.assert_array_equal(data, np.arange(sender.count) + 1000 * np.arange(3)[:, None])
    assert not any(chunk.gap_before for chunk in chunks)
    np.testing.assert_array_equal([chunk.first_sample for chunk in chunks], [chunk.data[0, 0] for chunk in chunks])
    times = np.hstack([chunk.times for chunk in chunks])
    np.testing.assert_allclose(times - sender.t0, np.arange(sender.count) / sender.sfreq, atol=2e-3)


def test_channels_come_by_name_in_the_order_asked_for(sender: Sender, opened: Callable[[Any], Any]) -> None:
    source = opened(LslSource(sender.description, ["C2", "C0"]))
    sender.push(4)
    chunks = pull_samples(source, 4)
    assert source.channels == ("C2", "C0")
    assert all(chunk.data.flags.c_contiguous for chunk in chunks)
    data = np.concatenate([chunk.data for chunk in chunks], axis=1)
    np.testing.assert_array_equal(data, [[2000, 2001, 2002, 2003], [0, 1, 2, 3]])


def test_missing_channel_is_an_error_that_names_it_and_those_present(sender: Sender) -> None:
    with pytest.raises(ChannelError, match=r"needs channel\(s\) Oz, O1; stream 'sender' has C0, C1, C2"):
        LslSource(sender.description, ["C1", "Oz", "O1"])


def test_the_rest_follows_what_is_wanted_and_what_has_no_known_unit_stays_as_sent(opened: Callable[[Any], Any]) -> None:
    outlet = foreign(opened, ["Trigger", "B", "A"], ["", "mV", "uV"])
    source = opened(LslSource(find(name="foreign"), ["A"], rest=True))
    assert (source.channels, source.as_sent) == (("A", "Trigger", "B"), ("Trigger",))
    outlet.push_chunk(np.array([[5.0, 2.0, 3.0]]), 1.0)
    np.testing.assert_array_equal(pull_samples(source, 1)[0].data, [[3.0], [5.0], [2000.0]])
    del outlet


def test_arrival_is_stamped_and_waiting_is_bounded(sender: Sender, opened: Callable[[Any], Any]) -> None:
    source = opened(LslSource(sender.description))
    began = local_clock()
    assert source.pull(0.05) is None
    assert local_clock() - began < 0.5
    sender.push(5)
    chunk = source.pull(1.0)
    assert chunk is not None
    assert began < chunk.arrived_s <= local_clock()


def test_samples_left_out_by_the_sender_are_a_gap(sender: Sender, opened: Callable[[Any], Any]) -> None:
    source = opened(LslSource(sender.description))
    sender.push(10)
    sender.push(10, skipped=25)
    chunks = pull_samples(source, 20)
    first_after = next(chunk for chunk in chunks if chunk.gap_before)
    assert first_after.data[0, 0] == 35
    assert first_after.first_sample == 10
    assert sum(chunk.gap_before for chunk in chunks) == 1


def test_sender_that_is_faster_than_it_declares_is_refused(opened: Callable[[Any], Any]) -> None:
    outlet = opened(LslOutlet("hasty", ["A"], 250.0, "hasty-1"))
    source = opened(LslSource(outlet.description))
    for number in range(150):
        outlet.push(np.zeros((1, 20), np.float32), 100.0 + number * 20 / 500)
    with pytest.raises(RateError, match=r"stream 'hasty' must come at the 250 Hz.*about 496 Hz"):
        pull_samples(source, 3000)
    source.close()


def foreign(opened: Callable[[Any], Any], labels: list[str], units: list[str], **core: Any) -> Any:
    """An outlet made without our own checks, and its description."""
    fields = {"channel_count": len(labels), "nominal_srate": 100.0, "channel_format": "double64", **core}
    info = pylsl.StreamInfo("foreign", "EEG", source_id="foreign-1", **fields)
    entries = info.desc().append_child("channels")
    for label, unit in zip(labels, units, strict=True):
        entry = entries.append_child("channel")
        entry.append_child_value("label", label)
        entry.append_child_value("unit", unit)
    outlet = pylsl.StreamOutlet(info, max_buffered=1)
    opened(type("Kept", (), {"outlet": outlet, "close": lambda self: setattr(type(self), "outlet", None)})())
    return outlet


def test_volts_and_millivolts_become_microvolts(opened: Callable[[Any], Any]) -> None:
    outlet = foreign(opened, ["A", "B", "C"], ["V", "mV", "microvolts"])
    source = opened(LslSource(find(name="foreign")))
    outlet.push_chunk(np.array([[1e-6, 2e-3, 3.0]]), 1.0)
    np.testing.assert_allclose(pull_samples(source, 1)[0].data, [[1.0], [2.0], [3.0]], rtol=1e-6)
    del outlet


def test_unknown_unit_is_refused_unless_it_is_declared(opened: Callable[[Any], Any]) -> None:
    outlet = foreign(opened, ["A", "Trigger"], ["uV", ""])
    description = find(name="foreign")
    with pytest.raises(UnitError, match="channel Trigger of stream 'foreign'"):
        LslSource(description)
    assert opened(LslSource(description, ["A"])).channels == ("A",)
    source = opened(LslSource(description, unit="mV"))
    outlet.push_chunk(np.array([[1.0, 1.0]]), 1.0)
    np.testing.assert_array_equal(pull_samples(source, 1)[0].data, [[1.0], [1000.0]])
    del outlet


@pytest.mark.parametrize(
    ("labels", "core", "error"),
    [
        (["A", "B"], {"channel_count": 3}, "Each of the 3 channels.*one label"),
        (["A", "B", "C"], {"channel_count": 2}, "it sends more labels"),
        (["A", "A"], {}, "doubled: A"),
        (["A" * 3000, "B"], {}, "longest of 3000"),
        (["A"], {"nominal_srate": 0.0}, "regular rate"),
        (["A"], {"nominal_srate": 1e6}, "regular rate"),
        (["A"], {"channel_count": 5000}, "has 5000"),
    ],
)
def test_absurd_headers_are_refused(
    labels: list[str], core: dict[str, Any], error: str, opened: Callable[[Any], Any]
) -> None:
    foreign(opened, labels, ["uV"] * len(labels), **core)
    with pytest.raises((ChannelError, RateError), match=error):
        LslSource(find(name="foreign"))


def test_stream_of_text_is_no_eeg(opened: Callable[[Any], Any]) -> None:
    outlet = opened(TextOutlet("labels", "labels-1"))
    with pytest.raises(ChannelError, match="carries text"):
        LslSource(outlet.description)


def test_stream_that_is_gone_is_named() -> None:
    outlet = LslOutlet("gone", ["A"], 100.0, "gone-1")
    description = outlet.description
    outlet.close()
    with pytest.raises(NoStreamError, match="uid"):
        LslSource(description, timeout_s=0.5)


def test_voxels_and_counts_come_as_they_are_and_only_where_they_are_wanted(opened: Callable[[Any], Any]) -> None:
    outlet = opened(LslOutlet("scanner", [f"v{n}" for n in range(2000)], 0.4, "scanner-1", unit="a.u.", type="fMRI"))
    source = opened(LslSource(outlet.description, wanted_unit="au"))
    volume = np.arange(2000, dtype=np.float32)[:, None]
    outlet.push(volume, 1000.0)
    np.testing.assert_array_equal(pull_samples(source, 1)[0].data, volume)
    with pytest.raises(ChannelError, match="must have 1 to 1024 channels; stream 'scanner' has 2000"):
        LslSource(outlet.description)
    with pytest.raises(UnitError, match=r"channel v0 of stream 'scanner' must be a count of spikes .* it says 'a.u.'"):
        LslSource(outlet.description, wanted_unit="count")
    opened(LslSource(outlet.description, unit="spikes", wanted_unit="count"))


def test_a_scanner_is_silent_only_after_three_volumes(opened: Callable[[Any], Any]) -> None:
    outlet = opened(LslOutlet("scanner", ["v"], 0.4, "scanner-1", unit="au"))
    now = [100.0]
    source = opened(LslSource(outlet.description, wanted_unit="au", clock=lambda: now[0]))
    outlet.push(np.zeros((1, 1), np.float32), 100.0)
    pull_samples(source, 1)
    now[0] += 7.4
    assert source.pull(0.0) is None
    assert source.state == "connected"
    now[0] += 0.2
    assert source.pull(0.0) is None
    assert source.state == "stale"


def test_silence_is_told_and_so_is_its_end(sender: Sender, opened: Callable[[Any], Any]) -> None:
    states: list[str] = []
    now = [100.0]
    source = opened(LslSource(sender.description, on_state=lambda state, _: states.append(state), clock=lambda: now[0]))
    sender.push(5)
    pull_samples(source, 5)
    now[0] += 0.9
    assert source.pull(0.0) is None
    assert not source.stale
    now[0] += 0.2
    assert source.pull(0.0) is None
    assert source.pull(0.0) is None
    assert source.stale
    assert source.state == "stale"
    sender.push(5)
    pull_samples(source, 5)
    assert not source.stale
    assert states == ["searching", "connected", "stale", "back"]


def test_close_returns_at_once_while_another_thread_pulls(sender: Sender) -> None:
    source = LslSource(sender.description)
    puller = threading.Thread(target=source.pull, args=(60.0,))
    puller.start()
    began = time.monotonic()
    source.close()
    puller.join(1.0)
    assert not puller.is_alive()
    assert time.monotonic() - began < 1.0
    assert source.pull(1.0) is None
    source.close()


def pull_until(source: LslSource, done: Callable[[], bool], timeout_s: float = 10.0) -> list[Any]:
    chunks, deadline = [], time.monotonic() + timeout_s
    while not done() and time.monotonic() < deadline:
        chunk = source.pull(0.1)
        chunks += [chunk] if chunk is not None else []
    assert done()
    return chunks


def test_sender_that_is_killed_and_comes_back_leaves_a_gap_and_the_count_goes_on(
    tmp_path: Path, opened: Callable[[Any], Any]
) -> None:
    write_recording(counting_recording(5000), tmp_path / "long.npz")
    options = {"name": "mortal", "source_id": "mortal-1", "pace": Pace(wait_s=30.0)}
    states: list[str] = []
    first = opened(ReplayProcess(tmp_path / "long.npz", **options))
    source = opened(LslSource(first.description, on_state=lambda state, _: states.append(state)))
    before = pull_samples(source, 50)
    first.kill()
    before += pull_until(source, lambda: source.state == "lost")
    second = opened(ReplayProcess(tmp_path / "long.npz", **options))
    pull_until(source, lambda: source.state == "back")
    after = pull_samples(source, 50)
    assert states == ["searching", "connected", "lost", "back"]
    assert source.description.uid == second.description.uid != first.description.uid
    assert after[0].gap_before
    assert not any(chunk.gap_before for chunk in [*before, *after[1:]])
    assert after[0].first_sample == before[-1].first_sample + before[-1].n_times
    np.testing.assert_array_equal(np.hstack([chunk.data[0] for chunk in before])[:50], np.arange(50))
    assert after[0].data[0, 0] == 0
    source.close()


@pytest.mark.parametrize("change", [{"channels": ["A", "X"]}, {"sfreq": 200.0}, {"name": "other"}, {"unit": "volts"}])
def test_another_stream_with_the_same_source_id_is_not_taken(
    change: dict[str, Any], opened: Callable[[Any], Any]
) -> None:
    fields: dict[str, Any] = {"name": "one", "channels": ["A", "B"], "sfreq": 100.0, "source_id": "same"}
    messages: list[tuple[str, str]] = []
    first = LslOutlet(**fields)
    source = opened(LslSource(first.description, on_state=lambda *told: messages.append(told)))
    first.close()
    pull_until(source, lambda: source.state == "lost")
    opened(LslOutlet(**{**fields, **change}))
    pull_until(source, lambda: len(messages) > 3)
    assert messages[-1][0] == "lost"
    assert "still lost" in messages[-1][1]
    assert source.pull(0.3) is None
    assert source.state == "lost"
    source.close()


def test_of_two_streams_with_the_lost_source_id_the_one_that_stays_is_taken(opened: Callable[[Any], Any]) -> None:
    fields: dict[str, Any] = {"name": "one", "channels": ["A", "B"], "sfreq": 100.0, "source_id": "same"}
    messages: list[tuple[str, str]] = []
    first = LslOutlet(**fields)
    source = opened(LslSource(first.description, on_state=lambda *told: messages.append(told)))
    impostor, true = LslOutlet(**fields), opened(LslOutlet(**fields))
    first.close()
    pull_until(source, lambda: len(messages) > 3)
    assert "several streams carry its source_id" in messages[-1][1]
    assert source.pull(0.3) is None
    assert len(messages) == 4
    impostor.close()
    pull_until(source, lambda: source.state == "back")
    assert source.description.uid == true.description.uid
    source.close()


def test_loss_of_a_stream_is_no_error_and_close_works_while_it_lasts(opened: Callable[[Any], Any]) -> None:
    outlet = LslOutlet("brief", ["A"], 100.0, "brief-1")
    source = LslSource(outlet.description)
    outlet.close()
    pull_until(source, lambda: source.state == "lost")
    began = time.monotonic()
    source.close()
    assert time.monotonic() - began < 1.0


def test_stamps_of_a_sender_on_this_machine_are_left_as_they_are(
    sender: Sender, opened: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = opened(LslSource(sender.description))
    errs = iter(np.linspace(0.0, 0.02, 1000))
    monkeypatch.setattr(pylsl.StreamInlet, "time_correction", lambda *_: next(errs))  # as on a busy machine
    for _ in range(3):
        sender.push(50)
        chunks = pull_samples(source, 50)
    stamps = np.concatenate([chunk.times for chunk in chunks])
    np.testing.assert_allclose(stamps[-1], sender.t0 + 149 / sender.sfreq, rtol=0, atol=1e-6)
    assert not any(chunk.gap_before for chunk in chunks)


def test_measurements_of_a_remote_clock_that_jump_are_no_missing_samples(
    sender: Sender, opened: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lsl_link, "_SAME_CLOCK_S", -1.0)  # as if the sender were on another machine
    source = opened(LslSource(sender.description))
    errs = itertools.cycle((0.014, -0.014))
    monkeypatch.setattr(pylsl.StreamInlet, "time_correction", lambda *_: next(errs))
    sender.t0, chunks = local_clock(), []
    for _ in range(6):
        sender.push(20)
        chunks += pull_samples(source, 20)
    stamps = np.concatenate([chunk.times for chunk in chunks])
    np.testing.assert_allclose(stamps, sender.t0 + np.arange(120) / sender.sfreq, rtol=0, atol=2e-3)
    assert not any(chunk.gap_before for chunk in chunks)
