"""A session without any window: the same threads and files, and a line on the terminal for what happens."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bci_app.engine.events import (
    Event,
    Finished,
    GenerationScored,
    SentenceRead,
    ShowPicture,
    StreamChanged,
    WordRead,
)
from bci_app.engine.evolution_session import EvolutionSession
from bci_app.engine.monitor_session import MonitorSession
from bci_app.engine.session import Session
from bci_app.engine.text_session import TextSession

TELL_S = 5.0
"""How often counts are told, if they have changed."""
_TOLD = ("read", "not_read", "answered", "missing", "raw_samples", "gaps", "markers")

Say = Callable[[str], None]


AnySession = Session | TextSession | EvolutionSession | MonitorSession


def run_headless(session: AnySession, say: Say, monotonic: Callable[[], float] = time.monotonic) -> int:
    """Run a session until its end, or until Ctrl-C or a termination request closes it; from the thread that owns it.

    Nobody sees a picture: one that is to be shown counts as out when it is due, which is enough for what answers without eyes.

    Parameters
    ----------
    session : Session, TextSession, EvolutionSession or MonitorSession
        Not started yet; it has been stopped when this returns.
    say : callable
        Takes a line about what happens.
    monotonic : callable
        Seconds, to tell counts now and then.

    Returns
    -------
    int
        0; 1 if the session ended by a fatal problem.
    """
    events: queue.Queue[Event] = queue.Queue()
    if isinstance(session, Session):
        _hand_over(session)
    with _closes_on_signal():
        try:
            session.start(events.put)
            _listen(session, events, say, monotonic)
        except KeyboardInterrupt:
            say("Closing the session.")
        finally:
            session.stop()
    return int(session.ended is not None and session.ended.fatal)


def _hand_over(session: Session) -> None:
    """Take each picture as it is read, in the decoding thread, so that latencies are measured as with a window."""

    def take() -> None:
        result = session.reconstructions.take()
        if result is not None:
            session.handed_to_qt(result, session.clock())

    session.reconstructions.on_put = take


def _listen(session: AnySession, events: queue.Queue[Event], say: Say, monotonic: Callable[[], float]) -> None:
    told, told_at = "", monotonic()
    while True:
        if monotonic() - told_at >= TELL_S:
            words = ", ".join(
                f"{name.replace('_', ' ')} {session.counts[name]:,}" for name in _TOLD if name in session.counts
            )
            told, told_at = _say_new(say, words, told), monotonic()
        try:
            event = events.get(timeout=min(TELL_S, 0.5))
        except queue.Empty:
            continue
        _answer(session, event)
        words = in_words(event)
        if words:
            say(words)
        if isinstance(event, Finished):
            return


def _say_new(say: Say, words: str, told: str) -> str:
    if words != told:
        say(words)
    return words


def _answer(session: AnySession, event: Event) -> None:
    """What a window would do when it has painted."""
    if isinstance(event, ShowPicture):
        time.sleep(max(0.0, event.due_s - session.clock()))
        session.picture_shown(event.trial, event.picture.id, session.clock())
    elif isinstance(event, WordRead) and isinstance(session, TextSession):
        session.handed_to_qt(event, session.clock())


def in_words(event: Event) -> str:
    """What is said of an event; problems are said by the log already, and the end by the results."""
    match event:
        case StreamChanged():
            return event.message
        case GenerationScored():
            return f"Generation {event.generation + 1} is scored."
        case SentenceRead() if event.noise is not None:
            shown = f" of '{event.shown}'" if event.shown else ""
            return (
                f"Sentence {event.number + 1}{shown} was read as '{event.read}', noise in its place as '{event.noise}'."
            )
    return ""


@contextmanager
def _closes_on_signal() -> Iterator[None]:
    """Ctrl-C and a termination request both end what runs in the block by KeyboardInterrupt."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, interrupt) for number in wanted]
    try:
        yield
    finally:
        for number, handler in zip(wanted, before, strict=True):
            signal.signal(number, handler)
