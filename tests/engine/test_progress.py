"""Progress is seen on a terminal, and readable in a file."""

from __future__ import annotations

import io

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
