"""What this program sends: signals and texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pylsl

from bci_app.contract.checks import check_shape, check_unique
from bci_app.contract.errors import StreamError
from bci_app.contract.signal import Samples
from bci_app.contract.units import Frequency
from bci_app.streams.lsl import core_of, held_s, with_header
from bci_app.streams.network import mark_started


class _Outlet:
    """What outlets of numbers and of text share."""

    def __init__(self, info: pylsl.StreamInfo, chunk: int = 0) -> None:
        mark_started()
        self._outlet: pylsl.StreamOutlet | None = pylsl.StreamOutlet(
            info, chunk, max_buffered=held_s(info.nominal_srate())
        )
        bound = self._outlet.get_info()
        self.description = with_header(core_of(bound), bound)

    @property
    def has_consumers(self) -> bool:
        """Whether somebody is subscribed."""
        return self._outlet is not None and bool(self._outlet.have_consumers())

    def wait_for_consumers(self, timeout_s: float) -> bool:
        """Whether somebody subscribed within `timeout_s` seconds."""
        return self._outlet is not None and bool(self._outlet.wait_for_consumers(timeout_s))

    def close(self) -> None:
        """End the stream; close its inlets first where they are yours. What was not pulled yet is lost."""
        self._outlet = None

    def _open(self) -> pylsl.StreamOutlet:
        if self._outlet is None:
            raise StreamError(f"Stream '{self.description.name}' was closed; nothing more can be sent on it.")
        return self._outlet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LslOutlet(_Outlet):
    """Sends a signal.

    Parameters
    ----------
    name, source_id : str
        `source_id` must be unique and stay the same from start to start: receivers find the stream again by it.
    channels : sequence of str
        Label of each channel.
    sfreq : float
        Hz.
    unit, type : str
        As receivers will read them.
    chunk : int
        Samples per network packet; 0 sends each push as it is.
    """

    def __init__(
        self, name: str, channels: Sequence[str], sfreq: float, source_id: str, *,
        unit: str = "microvolts", type: str = "EEG", chunk: int = 0
    ) -> None:  # fmt: skip
        check_unique(channels, f"Stream '{name}'")
        info = _new_info(name, type, len(channels), Frequency(sfreq).hz, pylsl.cf_float32, source_id)
        info.set_channel_labels(list(channels))
        info.set_channel_units(unit)
        info.set_channel_types(type)
        super().__init__(info, chunk)

    def push(self, data: Samples, time_s: float) -> None:
        """Send `data` (n_channels, n_times), whose last sample was taken at `time_s` LSL seconds."""
        check_shape(data, (self.description.n_channels, None), f"What stream '{self.description.name}' sends")
        self._open().push_chunk(np.ascontiguousarray(data.T, dtype=np.float32), time_s)


class TextOutlet(_Outlet):
    """Sends text, one value per sample, at no fixed rate."""

    def __init__(self, name: str, source_id: str, *, type: str = "Markers") -> None:
        super().__init__(_new_info(name, type, 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, source_id))

    def push(self, text: str, time_s: float) -> None:
        """Send `text`, stamped `time_s` LSL seconds."""
        self._open().push_sample([text], time_s)


def _new_info(name: str, type: str, n: int, sfreq: float, form: int, source_id: str) -> pylsl.StreamInfo:
    if not name or not source_id:
        raise StreamError(f"A stream needs a name and a source_id; got {name!r}, {source_id!r}. Give both.")
    return pylsl.StreamInfo(name, type, n, sfreq, form, source_id)
