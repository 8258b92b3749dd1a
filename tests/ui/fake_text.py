"""A session that reads sentences without a stream, a model or a thread: for the tests of its window, and to look at it.

Run ``python -m tests.ui.fake_text FOLDER`` to save pictures of the window in its states.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from bci_app.contract.manifest import Score
from bci_app.contract.signal import Marker
from bci_app.engine.events import (
    Event,
    Problem,
    SentenceNotRead,
    SentenceRead,
    SentenceShown,
    StreamChanged,
    WordRead,
    WordShown,
)
from bci_app.engine.text_evidence import RunningText
from bci_app.engine.text_session import STEPS
from bci_app.engine.text_views import NOT_DETECTED, NOT_TESTED, OwnTest, SessionScores
from bci_app.engine.views import LatencyRow, SignalSnapshot, SignalWords, Status
from bci_app.text.scores import MATCHED_MINUS_SHUFFLED
from tests.ui.fake_session import FakeSession

SHOWN = (
    "the old man reads a book",
    "a red house sees the dog",
    "the dog was born in a city",
    "she became a famous actress",
    "the film was long and rather dull",
    "he wrote a book about the sea",
)
READ = (
    "the old man reads a letter",
    "a red house near the dog",
    "the dog was born in a town",
    "she was a famous singer",
    "the film is long and rather slow",
    "he wrote a letter about the sea",
)
NOISE = (
    "the man was in the city",
    "he was a member of it",
    "it was a very long time ago",
    "the film was not good",
    "she was born in the old city",
    "the book was in the house again",
)


class FakeText:
    """Answers every question of the window at once and notes what the window says.

    Parameters
    ----------
    convincing : bool or None
        Whether the model's test found anything; None for a model without one.
    n_read : int
        Sentences read in the session so far.
    """

    title = "bci-app replay of reading.fif"
    reading = False

    def __init__(self, *, convincing: bool | None = True, n_read: int = 0, watermark: str = "REPLAY") -> None:
        self.signal = SignalWords(n_channels=32, sfreq=125.0)
        self.tested = made_up_test(convincing)
        self.watermark = watermark
        self.now_s = 100.0
        self.handed: list[tuple[WordRead, float]] = []
        self.stops = 0
        self.n_read = n_read
        self._eeg = FakeSession(sfreq=125.0)
        self._on_event: Callable[[Event], None] = lambda event: None

    def start(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event

    def stop(self, timeout_s: float = 2.0) -> None:
        self.stops += 1

    def say(self, event: Event) -> None:
        """Tell the window a fact, as an engine thread would."""
        self._on_event(event)

    def clock(self) -> float:
        return self.now_s

    def signal_snapshot(self, seconds: float) -> SignalSnapshot | None:
        self._eeg.now_s = self.now_s
        words = enumerate(("start", *SHOWN[0].split(), "stop"))
        self._eeg.markers = tuple(Marker(self.now_s - 4.4 + 0.55 * place, word) for place, word in words)
        return self._eeg.signal_snapshot(seconds)

    def picture_shown(self, trial: int, picture_id: str, at_s: float) -> None:
        raise AssertionError("no picture is shown")

    def status(self) -> Status:
        stream = "Replay of reading.fif · 32 ch · 250 Hz"
        progress = f"{self.n_read} sentences read"
        return Status(stream, True, "sentences32 (word-windows, greedy)", "CPU", True, progress, self.watermark)

    def scores(self) -> SessionScores:
        running = RunningText(waves=False)
        for number in range(self.n_read):
            running.add(sentence(number), len(SHOWN[number % len(SHOWN)].split()))
        return running.scores()

    def latencies(self) -> tuple[LatencyRow, ...]:
        times = ((9.1, 17.3), (1.2, 3.5), (38.4, 60.1), (7.9, 12.3), (1.1, 6.2), (41.0, 66.8))
        return tuple(
            LatencyRow(step, p50, p95, 1.2 * p95, 1.5 * p95, self.n_read)
            for step, (p50, p95) in zip(STEPS, times, strict=True)
            if self.n_read
        )

    def handed_to_qt(self, word: WordRead, at_s: float) -> None:
        self.handed.append((word, at_s))


def made_up_test(convincing: bool | None) -> OwnTest:
    """What a bundle says of itself."""
    if convincing is None:
        return OwnTest(None, False, NOT_TESTED)
    value, low, high = (18.2, 14.9, 21.6) if convincing else (0.3, -0.9, 1.4)
    score = Score(
        name=MATCHED_MINUS_SHUFFLED, value=value, low=low, high=high, chance=0.0, noise_input=0.2, n=240,
        held_out="60 sentences of which no word order was seen, read by 4 simulated subjects",
    )  # fmt: skip
    verdict = "EEG information was detected when this model was tested" if convincing else NOT_DETECTED
    return OwnTest(score, convincing, verdict)


def sentence(number: int, *, twin: bool = True) -> SentenceRead:
    """A sentence that was read; every round of six is made of other words."""
    place, turn = number % len(SHOWN), number // len(SHOWN)
    shown = SHOWN[place] if turn == 0 else f"{SHOWN[place].rsplit(' ', 1)[0]} {chr(97 + turn)}"
    return SentenceRead(number, shown, len(shown.split()), READ[place], NOISE[place] if twin else None)


def word_read(number: int, n_words: int, at_s: float = 0.0) -> WordRead:
    """The first words of a sentence as they are read."""
    return WordRead(number, " ".join(READ[number % len(READ)].split()[:n_words]), n_words, at_s, at_s, at_s, at_s, at_s)


def shown(number: int, n_words: int, *, told: bool = True) -> list[Event]:
    """A sentence on the reader's screen, so far."""
    words = SHOWN[number % len(SHOWN)].split()[:n_words]
    return [SentenceShown(number, ""), *(WordShown(number, word if told else "") for word in words)]


def main() -> int:
    """Save pictures of the window in its states."""
    os.environ["QT_QPA_PLATFORM"] = os.environ.get("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from bci_app.ui import theme
    from bci_app.ui.text_window import TextWindow

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication([])
    app.setQuitOnLastWindowClosed(False)
    past: list[Event] = [event for number in range(4) for event in (*shown(number, 9), sentence(number))]
    long_text = "a " + "very " * 30 + "long sentence that somebody has to read to its end"
    states: dict[str, tuple[FakeText, list[Event]]] = {
        "first": (FakeText(), shown(0, 3)),
        "reading": (FakeText(n_read=4), [*past, *shown(4, 9), word_read(4, 4), *shown(5, 2)]),
        "midway": (FakeText(n_read=36, watermark="SIMULATED PARTICIPANT"), [*past, *shown(4, 9), sentence(4), *shown(5, 4)]),
        "nothing-detected": (FakeText(convincing=False, n_read=12), [*past, *shown(4, 3)]),
        "untested": (FakeText(convincing=None), [*shown(0, 4, told=False), SentenceRead(0, "", 4, READ[0], NOISE[0])]),
        "not-read": (FakeText(n_read=4), [*past, *shown(4, 6), SentenceNotRead(4, "its word at 12.345 s: samples are missing")]),
        "long": (FakeText(n_read=4), [*past, SentenceShown(4, long_text), SentenceRead(4, long_text, 40, long_text, long_text)]),
        "lost": (FakeText(n_read=4), [*past, StreamChanged("lost", "The stream 'Simulated EEG' is gone; waiting for it.")]),
        "problem": (FakeText(n_read=4), [*past, Problem("Sentence 3 was not read: no word was marked in it.", fatal=False)]),
    }  # fmt: skip
    for name, (session, events) in states.items():
        for look, (width, height) in (("dark", (1280, 800)), ("light", (1920, 1080))):
            theme.dress(app, theme.THEMES[look])
            window = TextWindow(session, colours=theme.THEMES[look])
            window.resize(width, height)
            window.show()
            window.begin()
            for event in events:
                session.say(event)
                app.processEvents()
            window.bridge.poll_all()
            window.bridge._poll()
            app.processEvents()
            window.grab().save(str(folder / f"{name}-{look}-{width}.png"))
            window.close()
            window.deleteLater()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
