"""Black and white at 10 Hz through the window: how often its picture flashes, counted on the pixels that it draws.

Pictures are put into the mailbox of a session as a decoder would; the view is grabbed about sixty times a second and its flashes
are counted by code of its own (no part of the guard): places of the picture where relative luminance turns from a rise of at
least a tenth into such a fall, or back, with the darker of the two below 0.8 (WCAG 2.2, 2.3.1); two turns within the same second
are one flash. The same pictures painted without guard and fade say what the counter finds when nothing holds them back.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tests.benchmarks.results import Row, publish

HZ, GRAB_S, GRID = 10.0, 1 / 60, 8
LIMIT = 3


def flashes_per_second(times: list[float], frames: list[np.ndarray]) -> int:
    """The most flashes in any one second, at the place of the picture that has most.

    Parameters
    ----------
    times : list of float
        Seconds, growing.
    frames : list of uint8 array (GRID, GRID, 3)
        What was drawn.
    """
    luminance = np.array([_luminance(frame) for frame in frames]).reshape(len(frames), -1)
    return max(_most(_turns(times, luminance[:, place])) for place in range(luminance.shape[1]))


def _luminance(frame: np.ndarray) -> np.ndarray:
    share = frame / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return 0.2126 * linear[..., 0] + 0.7152 * linear[..., 1] + 0.0722 * linear[..., 2]


def _turns(times: list[float], values: np.ndarray) -> list[float]:
    """When the values have gone a tenth against the last such change; the first change counts too."""
    extreme, direction, found = values[0], 0, []
    for at_s, value in zip(times, values, strict=True):
        step = value - extreme
        if direction != 0 and step * direction >= 0:
            extreme = value
        elif abs(step) >= 0.1 and min(value, extreme) < 0.8:
            direction, extreme = int(np.sign(step)), value
            found.append(at_s)
    return found


def _most(turns: list[float]) -> int:
    """Most pairs of turns within any one second."""
    return max((sum(begin <= other < begin + 1.0 for other in turns) // 2 for begin in turns), default=0)


def watch(seconds: float, show: Callable[[np.ndarray], None], grab: Callable[[], np.ndarray]) -> tuple[int, int]:
    """Alternate black and white for so long; flashes in the worst second, and frames grabbed."""
    from PySide6.QtWidgets import QApplication

    levels = [np.full((64, 64, 3), level, np.uint8) for level in (0, 255)]
    times: list[float] = []
    frames: list[np.ndarray] = []
    start, n_shown = time.monotonic(), 0
    while (at_s := time.monotonic() - start) < seconds:
        if at_s >= n_shown / HZ:
            show(levels[n_shown % 2])
            n_shown += 1
        QApplication.processEvents()
        frames.append(grab())
        times.append(time.monotonic() - start)
        time.sleep(GRAB_S / 2)
    return flashes_per_second(times, frames), len(frames)


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    seconds = parser.parse_args().seconds
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtWidgets import QApplication

    from bci_app.ui.main_window import MainWindow
    from bci_app.ui.views.picture import FADE_MS, Canvas
    from tests.ui.fake_session import FakeSession, reconstruction

    class TimedSession(FakeSession):
        def clock(self) -> float:
            return time.monotonic()

    application = QApplication(["flash"])
    rows = []

    def grabber(canvas: Canvas) -> Callable[[], np.ndarray]:
        def grab() -> np.ndarray:
            image = canvas.grab(canvas.picture_rect()).toImage().scaled(GRID, GRID)
            pixels = [image.pixelColor(x, y) for y in range(GRID) for x in range(GRID)]
            return np.array([(each.red(), each.green(), each.blue()) for each in pixels], np.uint8).reshape(
                GRID, GRID, 3
            )

        return grab

    bare = Canvas()
    bare.resize(300, 300)
    bare.show()
    unguarded = {"painted as they come": bare.show_image, f"a cross-fade of {FADE_MS} ms and no guard": bare.fade_to}
    found = {}
    for how, show_bare in unguarded.items():
        found[how], n = watch(seconds, show_bare, grabber(bare))
        rows.append(Row(f"{how} ({n} frames looked at): flashes in a second", f"{found[how]}"))
    bare.close()
    details: dict[str, object] = {"seconds": seconds, **found}
    for fade_ms in (FADE_MS, 0):
        session = TimedSession()
        window = MainWindow(session, fade_ms=fade_ms)
        window.show()
        window.begin()

        def show(image: np.ndarray, session: FakeSession = session) -> None:
            session.reconstructions.put(replace(reconstruction(0, session.clock()), image=image))

        most, n = watch(seconds, show, grabber(window.read_view.canvas))
        held = window.bridge.guard.n_held
        how = f"cross-fade of {fade_ms} ms" if fade_ms else "no fade"
        name = f"through the window, {how} ({n} frames, {held} times held): flashes in a second"
        rows.append(Row(name, f"{most}", f"<= {LIMIT}", most <= LIMIT))
        details[how] = {"flashes": most, "held": held, "frames": n}
        window.close()
        window.deleteLater()
        application.processEvents()
    return int(not publish("flash", rows, details))


if __name__ == "__main__":
    sys.exit(main())
