"""A whole session in the one window with a simulated participant, and a picture of each page: the README's pictures.

python -m tests.ui.picture_instrument FOLDER            (about five minutes, offscreen, two cores)
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PICTURES = 300
TRIALS = 24
SIZE = (1500, 900)


def main(folder: Path) -> int:
    """Go through the pages in their order; exit status 1 if one of them does not come as far as its picture."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from bci_app.streams.network import private_lsl

    with tempfile.TemporaryDirectory() as place:
        os.environ.update(private_lsl(Path(place)))
        folder = folder.resolve()
        os.chdir(place)  # the page of sessions names the folder of runs
        return _Journey(folder).go()


class _Journey:
    """The window, and what is waited for."""

    def __init__(self, folder: Path) -> None:
        from PySide6.QtWidgets import QApplication

        from bci_app.ui import theme
        from bci_app.ui.instrument import InstrumentWindow
        from bci_app.ui.pages.page import Holder

        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.app = QApplication(["bci-app"])
        theme.dress(self.app, theme.DARK)
        self.holder = Holder()
        self.holder.choose(participant="P07", runs=Path("runs"))
        self.window = InstrumentWindow(self.holder)
        self.window.resize(*SIZE)
        self.window.show()
        self.window.start()

    def go(self) -> int:
        try:
            self.connect("looks at pictures")
            self.take("connect")
            self.page("Signal")
            self.wait(12)
            self.take("signal")
            self.calibrate()
            self.decode()
            self.evolve()
            self.read()
            self.page("Sessions")
            self.wait(1)
            self.take("sessions")
            return 0
        except TimeoutError as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            self.window.close()
            self.window.finish()

    def connect(self, what: str) -> None:
        page = self.page("Connect")
        page.starting.participant.setCurrentText(what)
        page.starting.start_participant()
        self.until(lambda: self.holder.own_sender is not None and self.holder.found is not None, 60, "a participant")
        self.wait(2)

    def calibrate(self) -> None:
        page = self.page("Calibrate")
        page.n_pictures.setValue(PICTURES)
        page.soa_s.setValue(0.4)
        page.break_every.setValue(0)
        page.start()
        self.until(lambda: page.window_inside is not None, 30, "the calibration")
        self.until(lambda: page._made is not None, PICTURES * 0.4 + 60, "a decoder")
        self.take("calibrate")
        page.use()
        self.until(lambda: self.holder.current.decoder is not None, 20, "the decoder kept")

    def decode(self) -> None:
        page = self.page("Decode")
        page.shows.setChecked(True)
        page.trials.setValue(TRIALS)
        page.start()
        self.until(lambda: page.window_inside is not None, 30, "the reading")
        self.wait(TRIALS * 0.8)
        self.take("decode")
        page.window_inside.close()
        self.until(lambda: page.busy is None, 30, "the report")

    def evolve(self) -> None:
        page = self.page("Evolve")
        page.generations.setValue(3)
        page.where.setCurrentIndex(page.where.count() - 1)
        page.start()
        self.until(lambda: page.window_inside is not None, 30, "the evolution")
        self.wait(30)
        self.take("evolve")
        page.window_inside.close()
        self.until(lambda: page.busy is None, 30, "the report")

    def read(self) -> None:
        self.connect("reads sentences")
        page = self.page("Read")
        page.start()
        self.until(lambda: page.window_inside is not None, 30, "the reading of sentences")
        self.wait(115)
        self.take("read")
        page.window_inside.close()
        self.until(lambda: page.busy is None, 30, "the report")

    # ------------------------------------------------------------------ helpers of this script
    def page(self, title: str) -> Any:
        self.window.show_titled(title)
        return self.window.current

    def take(self, name: str) -> None:
        file = self.folder / f"{name}.png"
        self.window.grab().save(str(file))
        print(file)

    def wait(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.app.processEvents()
            time.sleep(0.005)

    def until(self, reached: Callable[[], bool], seconds: float, what: str) -> None:
        ends = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > ends:
                self.take("stuck")
                raise TimeoutError(f"{what.capitalize()} was expected within {seconds:g} s; see stuck.png.")
            self.wait(0.05)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
