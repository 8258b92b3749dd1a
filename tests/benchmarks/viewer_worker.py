"""A viewer in a process of its own, on a stream of the benchmark: ours or that of mne-lsl; prints what it cost as JSON."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["QT_API"] = "pyside6"

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication

WARM_S = 12.0
"""Until ten seconds of signal are there to be drawn."""
SPAN_S = 10.0
SIZE = (1600, 900)


def cpu_s() -> float:
    """What this process has used of all cores."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Watch:
    """The CPU of this process between two moments, and whatever else is noted meanwhile."""

    def __init__(self, seconds: float, finished: Callable[[], object]) -> None:
        self.on = False
        self.result: dict[str, Any] = {}
        self._seconds, self._finished = seconds, finished
        QTimer.singleShot(int(1000 * WARM_S), self._begin)

    def _begin(self) -> None:
        self.on = True
        self._at, self._cpu = time.monotonic(), cpu_s()
        QTimer.singleShot(int(1000 * self._seconds), self._end)

    def _end(self) -> None:
        self.on = False
        took = time.monotonic() - self._at
        self.result |= {"seconds": took, "cpu": (cpu_s() - self._cpu) / took}
        self._finished()


def ours(source_id: str, seconds: float) -> dict[str, Any]:
    """The page Signal as users see it: filtered, all channels judged, spectrum and map beside the traces."""
    import pyqtgraph as pg

    from bci_app.engine.settings import StreamChoice
    from bci_app.ui import theme
    from bci_app.ui.app import _prompt_threads
    from bci_app.ui.pages.page import Holder
    from bci_app.ui.pages.signal import SignalPage

    app = QApplication([])
    theme.dress(app, theme.DARK)
    holder = Holder()
    holder.choose(
        stream=StreamChoice(source_id=source_id, timeout_s=30), view={"reference": "average", "span_s": SPAN_S}
    )
    page = SignalPage(holder)
    view, plot = page.signal_view, page.signal_view._plot
    watch = Watch(seconds, app.quit)
    hand_over, paint, moments = [], [], []
    shown, painted = view.show_snapshot, pg.PlotWidget.paintEvent

    def show(snapshot: object) -> None:
        before = time.perf_counter()
        shown(snapshot)  # type: ignore[arg-type]
        if watch.on:
            moments.append(before)
            hand_over.append(time.perf_counter() - before)

    def repaint(widget: pg.PlotWidget, event: QPaintEvent) -> None:
        before = time.perf_counter()
        painted(widget, event)
        if watch.on and widget is plot:
            paint.append(time.perf_counter() - before)

    view.show_snapshot = show  # type: ignore[method-assign]
    pg.PlotWidget.paintEvent = repaint
    page.resize(*SIZE)
    page.show()
    page.entered()
    with _prompt_threads():
        app.exec()
    frames = len(moments) / watch.result["seconds"]
    counts = {} if page.session is None else page.session.counts
    page.close_page()
    page.deleteLater()
    milliseconds = {
        name: [1000 * float(value) for value in np.percentile(times, (50, 95, 99))]
        for name, times in (("hand_over", hand_over), ("paint", paint))
    }
    return watch.result | milliseconds | {"frames": frames, "counts": counts}


def mne_lsl(source_id: str, seconds: float) -> dict[str, Any]:
    """mne-lsl's StreamViewer, as it starts: ten seconds, 1 to 40 Hz, average reference."""
    from mne_lsl.lsl import StreamInlet, resolve_streams
    from mne_lsl.stream_viewer.backends.pyqtgraph import _BackendPyQtGraph
    from mne_lsl.stream_viewer.control_gui.control_eeg import ControlGUI_EEG
    from mne_lsl.stream_viewer.scope.scope_eeg import ScopeEEG

    (found,) = resolve_streams(timeout=20, source_id=source_id, minimum=1)
    inlet = StreamInlet(found)
    inlet.open_stream()
    time.sleep(0.2)
    scope = ScopeEEG(inlet)
    app = QApplication([])
    watch = Watch(seconds, app.quit)
    moments: list[float] = []
    update = _BackendPyQtGraph._update_loop

    def counted(self: object, *given: object) -> None:
        if watch.on:
            moments.append(time.perf_counter())
        update(self, *given)

    _BackendPyQtGraph._update_loop = counted
    window = ControlGUI_EEG(scope)
    window._backend._win.resize(*SIZE)
    app.exec()
    return watch.result | {"frames": len(moments) / watch.result["seconds"]}


def main() -> int:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("viewer", choices=("ours", "mne-lsl"))
    parser.add_argument("--source-id", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    result = {"ours": ours, "mne-lsl": mne_lsl}[given.viewer](given.source_id, given.seconds)
    print(json.dumps(result), flush=True)
    sys.stdout.flush()
    os._exit(0)  # neither viewer's end is measured, and mne-lsl's does not end


if __name__ == "__main__":
    sys.exit(main())
