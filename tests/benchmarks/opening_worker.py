"""``bci-app app --offscreen ...`` that prints when its page was painted, in seconds of the monotonic clock, and closes."""

from __future__ import annotations

import sys
import time

from PySide6.QtCore import QEvent, QObject, QTimer

from bci_app import cli
from bci_app.ui.instrument import InstrumentWindow


class FirstPaint(QObject):
    """Closes the window after the first painting of its page, and prints when that was."""

    def __init__(self, window: InstrumentWindow) -> None:
        super().__init__(window)
        self._window = window
        self._seen = False
        window.current.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See the first painting; what is painted in the same turn of the event loop counts."""
        if event.type() == QEvent.Type.Paint and not self._seen:
            self._seen = True
            QTimer.singleShot(0, self._tell)
        return super().eventFilter(watched, event)

    def _tell(self) -> None:
        print(time.monotonic(), flush=True)
        self._window.close()


class Watched(InstrumentWindow):
    """The window itself, with an eye on its first painting."""

    def start(self) -> None:
        """As it does, then wait for the painting."""
        super().start()
        self._first_paint = FirstPaint(self)


if __name__ == "__main__":
    from bci_app.ui import instrument

    instrument.InstrumentWindow = Watched  # type: ignore[misc]
    sys.argv[0] = "bci-app"
    cli.main()
