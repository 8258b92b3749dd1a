"""Progress is seen on a terminal, and readable in a file."""

from __future__ import annotations

import io
import signal
from contextlib import suppress

import pytest
from rich.console import Console

from bci_app.engine.progress import progress_bar


def progressed(console: Console) -> None:
    with progress_bar(console) as tell:
        for done in range(5):
            tell(done, 4, "recording")
        tell(0, 1, "[b]fitting[/b]")
        tell(-1, 0, "")


def test_a_terminal_gets_a_bar() -> None:
    file = io.StringIO()
    progressed(Console(file=file, force_terminal=True, width=100))
    assert "[b]fitting[/b]" in file.getvalue()
    assert "━" in file.getvalue()
    assert "%" in file.getvalue()


def test_a_file_gets_one_line_for_each_text() -> None:
    file = io.StringIO()
    progressed(Console(file=file))
    assert file.getvalue() == "recording ...\n[b]fitting[/b] ...\n"


def go_on_after_an_interrupt_that_is_swallowed() -> None:
    with progress_bar(Console(file=io.StringIO())) as tell:
        tell(0, 2, "recording")
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        tell(1, 2, "recording")


def test_an_interrupt_that_was_swallowed_is_raised_at_the_next_step() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job begins with it ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            go_on_after_an_interrupt_that_is_swallowed()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
