"""The journey of a lab that has no stimulus program: sentences shown by the program."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import pytest

from bci_app.streams import markers
from tests.journeys.conftest import Command


class Listened:
    """An outlet that somebody listens to."""

    has_consumers = True

    def __init__(self, name: str, source_id: str) -> None:
        self.sent = SENT
        self.sent[:] = [name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sent.append("closed")

    def push(self, text: str, time_s: float) -> None:
        self.sent.append(text)


SENT: list[str] = []


def test_sentences_are_shown_over_the_screen_with_their_markers(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(markers, "MarkerOutlet", Listened)
    (tmp_path / "a.txt").write_text("A cat.\n")
    outcome = command("show", tmp_path / "a.txt", "--soa", 0.2, "--pause", 0, "--offscreen")
    assert outcome.status == 0, outcome.err
    assert outcome.out == "1 of 1 sentences were shown.\n"
    told = ["bci-app sentences", "sentence/start/A cat.", "word/A", "word/cat.", "sentence/stop", "closed"]
    assert told == SENT
    assert f'--markers "{SENT[0]}"' in outcome.err.replace("\n", " ")
