"""The marker thread: somebody else's markers, as they come."""

from __future__ import annotations

from collections.abc import Callable

from bci_app.contract.signal import Marker
from bci_app.engine.worker import Worker
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
