"""JSON lines that were cut."""

from __future__ import annotations

from pathlib import Path

from bci_app.contract.lines import read_lines


def test_a_line_that_was_cut_is_left_out_and_a_missing_file_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n{"a": 2}\n{"a": "\xc3')
    assert read_lines(tmp_path / "a.jsonl") == [{"a": 1}, {"a": 2}]
    assert read_lines(tmp_path / "b.jsonl") == []
