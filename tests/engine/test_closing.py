"""A session whose disk refuses its results tells them all the same."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bci_app.contract.errors import RecordingError
from bci_app.engine import closing
from bci_app.engine.closing import close_and_report

SUMMARY: dict[str, Any] = {
    "ended": "The disk is full.", "failed": True, "identification": {"n_trials": 0}, "counts": {"read": 3},
    "latency_ms": {}, "signal": "EEG", "device": "CPU",
}  # fmt: skip


def test_what_a_session_came_to_is_told_with_the_reason_why_it_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").write_text("no folder any more")
    monkeypatch.setattr(closing, "summarise", lambda session: dict(SUMMARY))
    stopped: list[bool] = []
    session: Any = SimpleNamespace(
        plan=SimpleNamespace(folder=tmp_path / "run"),
        stop=lambda: stopped.append(True),
        latency=SimpleNamespace(first_handed_s=None),
    )
    with pytest.raises(
        RecordingError, match=r"The disk is full\. 3 pictures were read from the EEG.*could not be written"
    ):
        close_and_report(session)
    assert stopped == [True]
