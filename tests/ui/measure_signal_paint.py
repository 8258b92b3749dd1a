"""How long the EEG view holds the GUI thread: ``QT_QPA_PLATFORM=offscreen python tests/ui/measure_signal_paint.py``."""

from __future__ import annotations

import time

import numpy as np
from PySide6.QtWidgets import QApplication

from bci_app.contract.signal import Marker
from bci_app.engine.views import SignalSnapshot
from bci_app.ui import theme
from bci_app.ui.views.signal import SignalView

CASES = (  # n_channels, sfreq in Hz, span in s, width and height in px
    (32, 250.0, 5.0, 340, 780),
    (64, 1000.0, 10.0, 340, 780),
    (64, 1000.0, 10.0, 900, 780),
    (64, 1000.0, 10.0, 1500, 800),
    (128, 1000.0, 10.0, 900, 780),
)


def measure(n_channels: int, sfreq: float, span_s: float, width: int, height: int, n_frames: int = 60) -> None:
    """Print the time of thinning and handing over, and of painting, in milliseconds."""
    rng = np.random.default_rng(0)
    n_times = int(span_s * sfreq)
    data = (15 * rng.standard_normal((n_channels, n_times + 2000))).astype(np.float32)
    view = SignalView(span_s=span_s)
    view.resize(width, height)
    view.show()
    names = tuple(f"E{number}" for number in range(n_channels))
    hand_over, paint = [], []
    for frame in range(n_frames):
        start = frame * int(sfreq / 25)
        times = np.arange(start, start + n_times) / sfreq
        markers = tuple(Marker(float(times[-1]) - back, f"mark-{back}") for back in range(6))
        shown = np.ascontiguousarray(data[:, start % 2000 : start % 2000 + n_times])
        snapshot = SignalSnapshot(names, sfreq, shown, times, markers, (float(times[n_times // 2]),))
        before = time.perf_counter()
        view.show_snapshot(snapshot)
        between = time.perf_counter()
        QApplication.processEvents()
        view.repaint()
        after = time.perf_counter()
        hand_over.append(1000 * (between - before))
        paint.append(1000 * (after - between))
    hands, paints = np.percentile(hand_over[5:], (50, 95)), np.percentile(paint[5:], (50, 95))
    print(
        f"{n_channels:4d} ch x {span_s:g} s at {sfreq:g} Hz, {width} x {height} px: "
        f"hand over {hands[0]:5.1f} / {hands[1]:5.1f} ms, paint {paints[0]:5.1f} / {paints[1]:5.1f} ms (p50 / p95)"
    )
    view.close()


def main() -> None:
    """Measure every case."""
    app = QApplication.instance() or QApplication([])
    theme.dress(app, theme.DARK)  # type: ignore[arg-type]
    for case in CASES:
        measure(*case)


if __name__ == "__main__":
    main()
