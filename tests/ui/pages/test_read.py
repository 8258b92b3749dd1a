"""A reading of sentences is described by a form, and what cannot begin is told in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from bci_app.engine.settings import StreamChoice
from bci_app.streams import lsl
from bci_app.ui.pages.page import Holder
from bci_app.ui.pages.read import ReadPage
from bci_app.ui.text_window import TextWindow
from tests.sender import Sender
from tests.tiny import tiny_generator, tiny_text_bundle

WAIT_MS = 30_000
"""A busy machine may need a while; whoever is there sooner is not waited for."""


def test_sentences_are_read_in_the_page_with_the_markers_of_connect(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lsl, "_WAVE_S", 0.3)
    bundle, holder = tiny_text_bundle(tmp_path / "tiny"), Holder()
    holder.choose(participant="P07", text_decoder=bundle.folder, device="cpu", runs=tmp_path / "runs")
    page = ReadPage(holder)
    qtbot.addWidget(page)
    words: list[str] = []
    page.said.connect(lambda text, tone: words.append(text) if text else None)
    with Sender(("Cz", "Pz"), 128.0, marker_every_s=60.0) as sender:
        stream = StreamChoice(name=sender.name, source_id=sender.source_id)
        holder.choose(stream=stream)
        page.entered()
        page.start()
        qtbot.waitUntil(lambda: page.busy is None, timeout=WAIT_MS)
        assert "no marker stream was named" in words[-1]
        holder.choose(stream=stream.model_copy(update={"markers": f"{sender.name} markers"}))
        page.entered()
        page.start()
        qtbot.waitUntil(lambda: page.window_inside is not None, timeout=WAIT_MS)
        assert isinstance(page.window_inside, TextWindow)
        page.close_page()
    page.finish()
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "session.json").read_text())["settings"]["stream"]["markers"] == f"{sender.name} markers"
    assert (run / "report.html").is_file()


def test_bundle_that_reads_no_text_is_refused_in_words(qtbot: QtBot, tmp_path: Path) -> None:
    holder = Holder()
    holder.choose(participant="P07", stream=StreamChoice(name="Cap"), runs=tmp_path / "runs")
    page = ReadPage(holder)
    qtbot.addWidget(page)
    words: list[str] = []
    page.said.connect(lambda text, tone: words.append(text) if text else None)
    page.start()
    assert "To make one: `bci-app show`" in words[-1]
    page.decoder.set_path(tiny_generator(tmp_path / "tiny").folder)
    page.start()
    qtbot.waitUntil(lambda: page.busy is None, timeout=WAIT_MS)
    assert "Sentences are read with a text bundle" in words[-1]
    page.finish()
