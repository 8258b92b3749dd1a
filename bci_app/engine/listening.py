"""The marker thread: somebody else's markers, as they come."""

from __future__ import annotations

from collections.abc import Callable

from bci_app.contract.signal import Marker
from bci_app.engine.live_signal import LiveSignal
from bci_app.engine.telling import Telling
from bci_app.engine.worker import Worker
from bci_app.streams.lsl import find
from bci_app.streams.markers import MarkerInlet


class MarkerListener(Worker):
    """Hands each marker of a stream to `on_marker`, in its own thread."""

    def __init__(
        self, inlet: MarkerInlet, on_marker: Callable[[Marker], None], on_failure: Callable[[str], None]
    ) -> None:
        super().__init__("markers", on_failure)
        self._inlet = inlet
        self._on_marker = on_marker

    def step(self) -> bool:
        """Wait for markers for at most 0.2 s; marker thread."""
        for marker in self._inlet.pull(0.2):
            self._on_marker(marker)
        return True

    def close(self) -> None:
        """Close the inlet."""
        self._inlet.close()


def listen_to_markers(live: LiveSignal, on_marker: Callable[[Marker], None], telling: Telling) -> MarkerListener | None:
    """A listener, not started yet, to the marker stream that the plan of `live` names; None if it names none.

    Raises
    ------
    StreamError
        If the stream is not there.
    """
    choice = live.plan.stream
    if choice.markers is None:
        return None
    found = find(name=choice.markers, timeout_s=choice.timeout_s)
    return MarkerListener(MarkerInlet(found, on_state=live.marker_stream_changed), on_marker, telling.failed)
