"""From the source to the ring: what is kept, what is left out, what the user is told, and when it ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bci_app.contract.errors import StreamLostError
from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor, preprocess_recording
from bci_app.contract.signal import Chunk, Recording
from bci_app.engine.acquisition import Acquisition, Ending, FlatWatch
from bci_app.streams.ring import Ring
from tests.engine.conftest import CHANNELS, SFREQ, Clock, MemorySource, chunked, moving

SPEC = PreprocessingSpec.design(CHANNELS, SFREQ, (1.0, 20.0), decimation=2)


class Bench:
    """An acquisition on a stream in memory, run step by step in this thread."""

    def __init__(self, chunks: list[Chunk], **ending: Any) -> None:
        self.clock = Clock()
        self.source = MemorySource(chunks, self.clock)
        self.ring = Ring(len(CHANNELS), SPEC.output_sfreq, 60.0)
        self.problems: list[str] = []
        self.raw: list[Chunk] = []
        self.ends: list[str] = []
        self.acquisition = Acquisition(
            self.source,
            Preprocessor(SPEC),
            self.ring,
            self.problems.append,
            self.problems.append,
            self.raw.append,
            self.clock,
            Ending(self.ends.append, **ending),
        )

    def steps(self, n: int) -> bool:
        return all(self.acquisition.step() for _ in range(n))  # none after the last


def test_the_ring_holds_the_signal_preprocessed_as_a_recording_is() -> None:
    data = moving(600)
    bench = Bench(chunked(data))
    assert bench.steps(30)
    kept, times = bench.ring.read(0, bench.ring.newest)
    store = preprocess_recording(Recording(data, 1000 + np.arange(600) / SFREQ, CHANNELS, SFREQ), SPEC)
    np.testing.assert_array_equal(kept, store.data)
    np.testing.assert_allclose(times, store.times, atol=1e-9)
    np.testing.assert_array_equal(np.hstack([chunk.data for chunk in bench.raw]), data)
    assert bench.acquisition.n_raw == 600
    assert bench.problems == []


def test_a_chunk_with_nan_becomes_a_gap_and_is_told_once() -> None:
    data = moving(600)
    data[1, 200:260] = np.nan
    bench = Bench(chunked(data))
    assert bench.steps(30)
    assert len(bench.problems) == 1
    assert "channel(s) Oz hold NaN" in bench.problems[0]
    assert "left out, as a gap" in bench.problems[0]
    assert bench.ring.newest == (600 - 60) / 2
    assert bench.ring.last_gap == 100
    kept, _ = bench.ring.read(0, bench.ring.newest)
    assert np.isfinite(kept).all()
    after = Preprocessor(SPEC).process(Chunk(data[:, 260:], np.arange(340) / SFREQ, 0)).data
    np.testing.assert_array_equal(kept[:, 100:], after)
    np.testing.assert_array_equal(np.hstack([chunk.data for chunk in bench.raw]), data)


def test_nan_that_stays_is_told_again_every_ten_seconds() -> None:
    data = moving(2500)
    data[1] = np.nan
    bench = Bench(chunked(data, size=50))
    assert bench.steps(50)
    assert len(bench.problems) == 3
    assert bench.ring.newest == 0


def test_missing_samples_are_a_gap_in_the_ring_counted_and_told_with_their_length() -> None:
    bench = Bench(chunked(moving(600), gap_at=300))
    assert bench.steps(30)
    assert bench.ring.last_gap == 150
    assert bench.acquisition.n_gaps == 1
    assert len(bench.problems) == 1
    assert "stream 'memory' are missing: its time stamps jump by 0.51 s" in bench.problems[0]


def test_a_flat_channel_is_told_once_and_told_again_when_it_moves() -> None:
    data = moving(1000)
    data[2, 100:700] = 5.0
    bench = Bench(chunked(data))
    told = []
    for _ in range(50):
        assert bench.steps(1)
        told.append(len(bench.problems))
    assert len(bench.problems) == 2
    assert "Channel(s) O2 have been flat for 2 s" in bench.problems[0]
    assert bench.problems[1] == "Channel(s) O2 move again."
    assert (told.index(1) + 1) * 20 == pytest.approx(100 + 2 * SFREQ, abs=20)
    assert (told.index(2) + 1) * 20 == pytest.approx(700, abs=20)
    assert bench.ring.newest == 500


def test_flat_channels_are_named_together() -> None:
    watch = FlatWatch(CHANNELS, SFREQ)
    data = moving(300)
    data[[0, 3]] = 1.0
    messages = [message for chunk in chunked(data) for message in watch.look(chunk)]
    assert len(messages) == 1
    assert "O1, Pz" in messages[0]


def test_of_channels_known_to_be_bad_nothing_is_said_and_of_a_decoder_only_where_one_reads() -> None:
    data = moving(900)
    data[[0, 3], :600] = 1.0
    told = {}
    for is_read in (True, False):
        watch, messages = FlatWatch(CHANNELS, SFREQ, is_read=is_read), []
        for number, chunk in enumerate(chunked(data)):
            watch.leave_alone(("Pz",) if number < 20 else CHANNELS)  # the second mark comes after 4 s
            messages += watch.look(chunk)
        told[is_read] = messages
    assert [len(messages) for messages in told.values()] == [1, 1]  # not even that the marked ones move again
    assert all(": Pz" not in message and "O1 have been flat" in message for (message,) in told.values())
    assert "the decoder reads" in told[True][0]
    assert told[False][0].endswith("Check the electrode.")


def test_a_slow_signal_is_flat_after_ten_equal_volumes() -> None:
    watch, told = FlatWatch(("v0", "v1"), 0.4, "au"), []
    for number in range(30):
        data = np.array([[7.0 if 5 <= number < 20 else number], [number]], np.float32)
        told += [(number, message) for message in watch.look(Chunk(data, np.array([2.5 * number]), number))]
    assert [number for number, _ in told] == [15, 20]  # the one at 5 still moved
    assert told[0][1].startswith(
        "Channel(s) v0 have been flat for 25 s; a moving signal was expected. Check what sends it;"
    )


def test_silent_neurons_are_no_trouble_until_all_of_them_are_silent() -> None:
    watch, told = FlatWatch(("n0", "n1"), 100.0, "count"), []
    for number in range(12):
        data = np.zeros((2, 50), np.float32)
        data[1] = np.arange(50) % 2 if number < 5 else 0
        told += [
            (number, message) for message in watch.look(Chunk(data, np.arange(50) / 100 + number / 2, 50 * number))
        ]
    assert len(told) == 1
    assert told[0][0] >= 5 + 3
    assert "n0, n1 have been flat for 2 s" in told[0][1]


def test_silence_is_waited_out_then_the_stream_is_given_up_with_advice() -> None:
    bench = Bench(chunked(moving(40)), give_up_s=5.0)
    assert bench.steps(2 + 24)
    with pytest.raises(StreamLostError, match=r"none came for 5 s.*kept.*Check the amplifier"):
        bench.steps(5)


def test_a_source_that_has_ended_ends_the_session_after_a_second_of_silence() -> None:
    bench = Bench(chunked(moving(40)), source_ended=lambda: True)
    assert bench.steps(2 + 4)
    assert not bench.steps(3)
    assert bench.ends == ["The recording has ended."]


def test_the_session_ends_after_the_time_asked_for() -> None:
    bench = Bench(chunked(moving(600)), duration_s=2.0)
    assert not bench.steps(30)
    assert bench.ends[0] == "The session lasted the 2 s asked for."
    assert bench.acquisition.n_raw == pytest.approx(2 * SFREQ, abs=40)


def test_the_time_of_the_session_runs_from_its_start_not_from_its_making() -> None:
    bench = Bench([], duration_s=2.0, give_up_s=3.0)
    bench.clock.now += 100.0
    bench.acquisition.stop()
    bench.acquisition.start()
    assert bench.acquisition.join(2.0)
    assert bench.steps(5)
    assert bench.ends == []


def test_the_source_is_closed_in_the_end() -> None:
    bench = Bench(chunked(moving(40)), duration_s=1.0)
    bench.acquisition.start()
    assert bench.acquisition.join(5.0)
    assert bench.source.closed
