"""When a painting must wait for what is to be read."""

from __future__ import annotations

import numpy as np

from bci_app.contract.signal import Chunk
from bci_app.contract.windowing import HopWindows, WindowSpec
from bci_app.engine.live_image import Reader, SlidingDecoding
from bci_app.engine.mailbox import Mailbox
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.streams.ring import Ring

SFREQ = 250.0


def test_a_window_is_due_from_twelve_milliseconds_before_its_last_sample(
    generator: Generator, decoder: Decoder
) -> None:
    ring = Ring(1, SFREQ, 2.0)
    decoding = SlidingDecoding(
        HopWindows(WindowSpec(window_s=0.2, hop_s=0.1), SFREQ), ring, Reader(decoder, generator, lambda: 0.0),
        Mailbox(), lambda result: None, lambda message: None,
    )  # fmt: skip
    due = []
    for sample in range(50):
        ring.write(Chunk(np.zeros((1, 1), np.float32), np.array([sample / SFREQ]), sample))
        due.append(decoding.due)
    assert due == [sample >= 46 for sample in range(50)]  # the window ends with number 49, three samples later
