from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from uuid import uuid4

import numpy as np
import psutil
import pytest

from bci_app.contract.errors import StreamError
from bci_app.contract.signal import Chunk
from bci_app.pictures.shapes import shape_picture
from bci_app.simulation.__main__ import main
from bci_app.simulation.live import SHOWN
from bci_app.simulation.participant import Participant
from bci_app.simulation.process import ParticipantProcess
from bci_app.simulation.settings import ParticipantSettings
from bci_app.streams.lsl import find, local_clock
from bci_app.streams.lsl_source import LslSource
from bci_app.streams.markers import MarkerOutlet, PictureOutlet

CLEAR = {"line_uv": 0.0, "blink_rate_hz": 0.0, "pop_rate_hz": 0.0, "alpha_uv": 0.0, "sensor_uv": 0.0}


def own_settings(**changes: object) -> ParticipantSettings:
    """Names of this test alone; a strong answer in little noise."""
    own = uuid4().hex[:8]
    names = {f"{kind}_name": f"{kind} {own}" for kind in ("stream", "marker", "picture")}
    values = CLEAR | {"n_channels": 8, "source_id": own, "snr": 20.0, "pink_uv": 0.1} | names | changes
    return ParticipantSettings.model_validate(values)


def pull_until(source: LslSource, done: Callable[[Chunk], bool], timeout_s: float = 10.0) -> list[Chunk]:
    chunks: list[Chunk] = []
    deadline = local_clock() + timeout_s
    while not chunks or not done(chunks[-1]):
        assert local_clock() < deadline, f"{len(chunks)} chunks came"
        chunk = source.pull(0.2)
        if chunk is not None:
            chunks.append(chunk)
    return chunks


def test_a_shown_picture_is_answered_at_its_time_on_the_stream() -> None:
    settings, picture = own_settings(), shape_picture("plus", "yellow")
    with (
        MarkerOutlet(settings.marker_name, uuid4().hex) as markers,
        PictureOutlet(settings.picture_name, uuid4().hex) as pictures,
        ParticipantProcess(settings),
    ):
        source = LslSource(find(name=settings.stream_name, timeout_s=10.0))
        try:
            assert source.description.sfreq == settings.sfreq
            assert source.channels == Participant(settings).channels
            assert markers.wait_for_consumers(10.0)
            assert pictures.wait_for_consumers(10.0)
            onset_s = local_clock()
            pictures.send(picture, onset_s)
            markers.push(SHOWN + picture.id, onset_s)
            chunks = pull_until(source, lambda chunk: chunk.times[-1] > onset_s + 1.0)
        finally:
            source.close()
    assert not any(chunk.gap_before for chunk in chunks)
    data, times = (np.concatenate([getattr(chunk, part) for chunk in chunks], axis=-1) for part in ("data", "times"))
    np.testing.assert_allclose(np.diff(times), 1 / settings.sfreq, atol=1e-4)
    delays = np.array([chunk.arrived_s - chunk.times[-1] for chunk in chunks])
    assert np.median(delays) < 0.02, "chunks leave when their last sample is due"
    first = int(np.searchsorted(times, onset_s))
    truth = Participant(settings).cortex.evoked(picture, 1 / settings.sfreq - (times[first] - onset_s))
    answer = data[:, first - 1 : first - 1 + truth.shape[1]]
    assert np.corrcoef(answer.ravel(), truth.ravel())[0, 1] > 0.98


def test_the_process_ends_when_its_input_closes_and_leaves_no_log_behind() -> None:
    process = ParticipantProcess(own_settings())
    process.start()
    assert process.alive
    begun = local_clock()
    process.stop()
    process.stop()
    assert not process.alive
    assert local_clock() - begun < 4.0
    assert not psutil.Process().children()


def test_a_participant_that_cannot_start_says_why() -> None:
    with (
        pytest.raises(StreamError, match=r"ended with status 1.*atlantis"),
        ParticipantProcess(own_settings(montage="atlantis")),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that can be handled")
def test_sigterm_ends_the_process_without_complaint() -> None:
    command = [sys.executable, "-m", "bci_app.simulation", "--settings", own_settings().model_dump_json()]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, signal.SIGTERM)
        _, printed = process.communicate(timeout=5.0)
    assert process.returncode == 0
    assert "Traceback" not in printed


def test_settings_that_cannot_be_meant_are_one_sentence_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "bci_app.simulation", "--settings", json.dumps({"sfreq": 1})]
    done = subprocess.run(command, capture_output=True, text=True, input="", timeout=30, check=False)
    assert done.returncode == 1
    assert "sfreq" in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--settings" in capsys.readouterr().out
