"""Without a window a session tells what happens line by line, and ends well when it is asked to."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from bci_app.engine import evolution_presenter
from bci_app.engine.events import SentenceRead
from bci_app.engine.evolution_session import EvolutionSession
from bci_app.engine.evolution_settings import UnitResponse
from bci_app.engine.headless import in_words, run_headless
from bci_app.inference.generator import Generator
from tests.engine.test_evolution_session import new_plan


def test_a_sentence_is_told_beside_what_noise_gave_once_both_are_there() -> None:
    told = SentenceRead(2, "the old dog", 3, "a dog", None, known=False)
    assert in_words(told) == ""
    both = SentenceRead(2, "the old dog", 3, "a dog", "red", known=False)
    assert in_words(both) == "Sentence 3 of 'the old dog' was read as 'a dog', noise in its place as 'red'."
    untold = SentenceRead(2, "", 3, "a dog", "red", known=False)
    assert in_words(untold) == "Sentence 3 was read as 'a dog', noise in its place as 'red'."


def test_a_request_to_end_closes_the_session_and_is_heard_by_others_afterwards(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evolution_presenter, "_READY_S", 0.05)
    before, said = signal.getsignal(signal.SIGTERM), list[str]()
    session = EvolutionSession(new_plan(generator, UnitResponse(), tmp_path))

    def say(line: str) -> None:
        said.append(line)
        if line == "Generation 1 is scored.":
            signal.raise_signal(signal.SIGTERM)

    assert run_headless(session, say) == 0
    assert said[-2:] == ["Generation 1 is scored.", "Closing the session."]
    assert session.ended is None
    assert signal.getsignal(signal.SIGTERM) is before
