"""``python -m bci_app.simulation --settings JSON_OR_FILE``: a simulated participant as a process of its own.

Prints the line "ready" when its stream can be found. Ends on SIGTERM or SIGINT, when its standard input
closes, and when its parent is gone, so it never outlives the program that started it.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence

from bci_app.contract.errors import BciError
from bci_app.simulation.live import LiveParticipant
from bci_app.simulation.live_reading import LiveReader
from bci_app.simulation.settings import read_settings

PARENT_CHECK_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; exit status 0, or 1 after an error that was printed to standard error."""
    parser = argparse.ArgumentParser(prog="python -m bci_app.simulation", description=__doc__)
    parser.add_argument("--settings", default="{}", help="participant settings: JSON text or a JSON file")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for watch in (_watch_input, _watch_parent):
        threading.Thread(target=watch, args=(stop,), name=watch.__name__, daemon=True).start()
    try:
        settings = read_settings(chosen.settings)
        participant = LiveParticipant(settings) if settings.reading is None else LiveReader(settings)
        participant.run(stop, on_ready=lambda: print("ready", flush=True))
    except BciError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _watch_input(stop: threading.Event) -> None:
    """Whatever comes on standard input is thrown away; its end is the end."""
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    stop.set()


def _watch_parent(stop: threading.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        if stop.wait(PARENT_CHECK_S):
            return
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
