"""The window of reading shows words as they come, what noise gives, and what is known of the model; and it closes at once."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel

from bci_app.engine.events import (
    Event,
    Finished,
    Problem,
    SentenceNotRead,
    SentenceRead,
    SentenceShown,
    StreamChanged,
    WordShown,
)
from bci_app.engine.text_views import NOT_DETECTED
from bci_app.ui import theme
from bci_app.ui.app import run_window
from bci_app.ui.bridge import TURNS
from bci_app.ui.text_window import TextWindow
from bci_app.ui.views.sentence import SIZES_PT, WAITING
from tests.ui.fake_text import NOISE, READ, SHOWN, FakeText, sentence, shown, word_read

MakeText = Callable[..., tuple[TextWindow, FakeText]]


@pytest.fixture
def make_text(qapp: QApplication) -> MakeText:
    """A window on a fake session, begun and painted once."""

    def make(session: FakeText | None = None) -> tuple[TextWindow, FakeText]:
        chosen = session or FakeText()
        window = TextWindow(chosen)
        window.show()
        window.begin()
        qapp.processEvents()
        return window, chosen

    return make


def _say(qapp: QApplication, session: FakeText, *events: Event) -> None:
    for event in events:
        session.say(event)
    qapp.processEvents()


def test_words_appear_one_by_one_on_screen_and_as_they_are_read(make_text: MakeText, qapp: QApplication) -> None:
    window, session = make_text()
    view = window.sentence_view
    assert view.texts["now"] == WAITING
    _say(qapp, session, SentenceShown(0, ""))
    for n, word in enumerate(SHOWN[0].split(), 1):
        _say(qapp, session, WordShown(0, word))
        assert view.texts["now"] == " ".join(SHOWN[0].split()[:n])
        assert view.texts["read"] == "–"
    for n in range(1, 7):
        _say(qapp, session, word_read(0, n))
        assert view.texts["read"] == " ".join(READ[0].split()[:n])
        assert view.texts["shown"] == SHOWN[0]
    assert view.texts["noise"] == "…"
    _say(qapp, session, sentence(0, twin=False))
    assert window.sentences_view.cells() == (("1", SHOWN[0], READ[0], "…"),)
    _say(qapp, session, sentence(0))
    assert view.texts["noise"] == NOISE[0]
    assert window.sentences_view.cells() == (("1", SHOWN[0], READ[0], NOISE[0]),)


def test_each_word_is_reported_with_the_time_it_was_handed_over(make_text: MakeText, qapp: QApplication) -> None:
    _, session = make_text()
    session.now_s = 77.0
    words = [word_read(0, n, at_s=76.0) for n in (1, 2)]
    _say(qapp, session, *words)
    assert session.handed == [(words[0], 77.0), (words[1], 77.0)]


def test_a_sentence_that_is_read_stays_beside_what_was_shown_while_the_next_one_begins(
    make_text: MakeText, qapp: QApplication
) -> None:
    window, session = make_text()
    _say(qapp, session, *shown(0, 9), word_read(0, 2), *shown(1, 3), word_read(0, 4))
    texts = window.sentence_view.texts
    assert texts["now"] == " ".join(SHOWN[1].split()[:3])
    assert (texts["shown"], texts["read"]) == (SHOWN[0], " ".join(READ[0].split()[:4]))
    _say(qapp, session, word_read(1, 1))
    assert window.sentence_view.texts["shown"] == " ".join(SHOWN[1].split()[:3])


def test_what_markers_do_not_tell_is_said_not_to_be_told(make_text: MakeText, qapp: QApplication) -> None:
    window, session = make_text()
    _say(qapp, session, *shown(0, 4, told=False), SentenceRead(0, "", 4, READ[0]))
    assert window.sentence_view.texts["shown"] == "4 words, not told by the markers"
    assert window.sentences_view.cells()[0][1] == "not told"
    _say(qapp, session, SentenceShown(1, "a red house"), WordShown(1, ""))
    assert window.sentence_view.texts["now"] == "a red house"


def test_what_was_shown_is_what_the_start_tells_while_words_appear_as_they_are_looked_at(
    make_text: MakeText, qapp: QApplication
) -> None:
    window, session = make_text()
    _say(qapp, session, SentenceShown(0, "the old man reads a book"), WordShown(0, "old"), WordShown(0, "man"))
    assert window.sentence_view.texts["now"] == "old man"
    _say(qapp, session, word_read(0, 2))
    assert window.sentence_view.texts["shown"] == "the old man reads a book"


def test_sentences_shown_whole_appear_whole_from_the_second_on(make_text: MakeText, qapp: QApplication) -> None:
    window, session = make_text()
    _say(qapp, session, SentenceShown(0, "a red house"))
    assert window.sentence_view.texts["now"] == "…"
    _say(qapp, session, SentenceShown(1, "the old dog"))
    assert window.sentence_view.texts["now"] == "the old dog"


def test_a_sentence_from_the_models_training_is_marked_and_one_not_read_says_why(
    make_text: MakeText, qapp: QApplication
) -> None:
    window, session = make_text()
    _say(qapp, session, SentenceRead(0, SHOWN[0], 6, READ[0], NOISE[0], known=True))
    assert "proves nothing" in window.sentence_view.read.detail
    _say(qapp, session, SentenceNotRead(1, "no word was marked in it"))
    assert window.sentence_view.texts["read"] == "Not read: no word was marked in it"


@pytest.mark.parametrize(
    ("convincing", "words", "colour"),
    [
        (True, "EEG information was detected", theme.DARK.good),
        (False, NOT_DETECTED, theme.DARK.warn),
        (None, "is not known", theme.DARK.warn),
    ],
)
def test_the_models_own_test_stands_in_words_and_colour(
    make_text: MakeText, convincing: bool | None, words: str, colour: str
) -> None:
    window, _ = make_text(FakeText(convincing=convincing))
    view = window.evidence_view
    assert words in view.verdict
    assert colour in view._verdict.styleSheet()
    figures = {True: "+18.2 points (95 %: +14.9 to +21.6)", False: "+0.3 points (95 %: -0.9 to +1.4)", None: ""}
    assert view.figure == figures[convincing]


def test_figures_of_too_few_sentences_are_kept_back(make_text: MakeText) -> None:
    session = FakeText(n_read=4)
    window, _ = make_text(session)
    for _tick in range(TURNS):
        window.bridge._timer.timeout.emit()
    few = session.scores().eeg
    assert few is not None
    told = f"Too few sentences to say anything: {few.n_sentences} of at least 10."
    assert window.evidence_view.session_verdict == told
    assert set(window.evidence_view.cells.values()) == {"–"}
    assert [row[0] for row in window.latency_view.cells()][-1] == "total to first word"
    assert window.latency_view.verdict.startswith("41 ms to first word")
    session.n_read = 24
    window.bridge.poll_all()
    eeg = session.scores().eeg
    assert eeg is not None
    assert window.evidence_view.cells["eeg", "Matched"] == f"{eeg.matched:.1f}"
    assert window.evidence_view.session_verdict == "✓ So far: Text was read from the EEG"


def test_a_lost_stream_and_a_problem_are_told_in_the_banner(make_text: MakeText, qapp: QApplication) -> None:
    window, session = make_text()
    _say(qapp, session, StreamChanged("lost", "The stream is gone."))
    assert window.banner.text == "The stream is gone."
    _say(qapp, session, StreamChanged("back", "Back."))
    assert window.banner.text == ""
    _say(qapp, session, Problem("Sentence 1 was not read: no word was marked in it.", fatal=False))
    assert window.banner.text.startswith("Sentence 1 was not read")
    _say(qapp, session, Finished("The recording has ended.", fatal=False))
    assert window.banner.text == "The recording has ended. Press Esc to close."


def test_escape_closes_within_two_seconds_and_nothing_is_heard_any_more(
    make_text: MakeText, qapp: QApplication, qtbot: object
) -> None:
    window, session = make_text()
    asked = time.perf_counter()
    qtbot.keyClick(window, Qt.Key.Key_Escape)  # type: ignore[attr-defined]
    assert time.perf_counter() - asked < 2.0
    assert window.isHidden()
    assert session.stops == 1
    _say(qapp, session, word_read(0, 1), sentence(0))
    assert session.handed == []


def test_long_text_is_written_smaller_and_cut_with_a_sign_only_if_it_has_no_room(
    make_text: MakeText, qapp: QApplication
) -> None:
    window, session = make_text()
    window.resize(1100, 640)
    read = window.sentence_view.read

    def written(n_words: int) -> tuple[int, str]:
        text = "word " * n_words
        _say(qapp, session, SentenceRead(n_words, text.strip(), n_words, text.strip(), ""))
        return read._label.font().pointSize(), read._label.text()

    assert written(3) == (SIZES_PT[0], "word word word")
    size, text = written(20)
    assert size < SIZES_PT[0]
    assert text.count("word") == 20
    size, text = written(300)
    assert size == SIZES_PT[-1]
    assert text.endswith("word …")
    assert read.text.count("word") == 300
    _say(qapp, session, SentenceRead(301, "x", 1, "x" * 2000, ""))
    assert read._label.text().endswith("x …")


def test_text_from_a_model_or_the_network_is_never_read_as_markup(make_text: MakeText, qapp: QApplication) -> None:
    window, session = make_text()
    hostile = "<b>bold</b> <img src=x>"
    _say(qapp, session, SentenceShown(0, hostile), SentenceRead(0, hostile, 1, hostile, hostile))
    assert {window.sentence_view.texts[name] for name in ("shown", "read", "noise")} == {hostile}
    for label in window.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText


def test_the_program_gives_such_a_session_its_window_and_says_what_the_output_is(qapp: QApplication) -> None:
    session, seen = FakeText(), list[str]()

    def start(on_event: Callable[[Event], None]) -> None:
        window = next(each for each in qapp.topLevelWidgets() if isinstance(each, TextWindow))
        seen.extend(label.text() for label in window.findChildren(QLabel))
        on_event(Finished("Over.", fatal=False))

    session.start = start  # type: ignore[method-assign]
    assert run_window(session, offscreen=True, close_when_finished=True) == 0
    assert "Model output: an inference from EEG, not a transcript of thought" in seen
    assert session.stops == 1
