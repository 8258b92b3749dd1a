"""Plain text: each sentence once, put together as it is printed, and none of those held out."""

from __future__ import annotations

from pathlib import Path

import pytest

from bci_app.contract.errors import SettingsError
from training.data.readings import sentence_key
from training.data.texts import leave_out, read_texts


def _write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_lines_are_sentences_and_each_stands_once(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.txt", "The cat sat.\n\n  A  dog barked. \nthe CAT sat\n...\n")
    assert read_texts([path]) == ("The cat sat.", "A dog barked.")


def test_words_below_one_another_become_the_sentence_that_was_printed(tmp_path: Path) -> None:
    words = "Slow\t1\t2\n,\t0\t1\n``silly\t3\n''\t0\nfilms\t1\n.\t0\n\nIt\t1\nis\t1\nn't\t2\n(\t0\nnow\t1\n)\t0\nmine\t2\n.\t1\n"
    path = _write(tmp_path / "words.tsv", words)
    assert read_texts([path]) == ("Slow, ``silly'' films.", "It isn't (now) mine.")


def test_a_table_of_sentences_is_read_past_its_comment_and_its_misprint(tmp_path: Path) -> None:
    table = (
        'sentence_id;sentence;control\n# a remark\n5;"Presents a good,\nemp11111ty case.";\n6;Another film.1;CONTROL\n'
    )
    assert read_texts([_write(tmp_path / "a.csv", table)]) == ("Presents a good, empty case.", "Another film.")


def test_a_number_in_two_cells_under_one_name_moves_the_sentence_by_one(tmp_path: Path) -> None:
    table = "sentence_id;sentence;relation-type\r\n38;1;He won; twice.;AWARD\r\n".replace(
        "He won; twice.", '"He won; twice."'
    )
    path = _write(tmp_path / "a.csv", table + "4;2;It grew.;CONTROL\r\n")
    assert read_texts([path]) == ("He won; twice.", "It grew.")


def test_a_sentence_in_two_files_stands_once_as_in_the_first(tmp_path: Path) -> None:
    one, two = _write(tmp_path / "a.txt", "Ça va.\nOne.\n"), _write(tmp_path / "b.txt", "ça va\nTwo.\n")
    assert read_texts([one, two]) == ("Ça va.", "One.", "Two.")


def test_held_out_sentences_are_left_out_in_any_print() -> None:
    texts = ("The “cat”, it sat.", "A dog.", "the cat it sat on a very old green mat", "The cat it sat")
    assert leave_out(texts, {"the cat it sat"}) == ("A dog.", texts[2])


def test_what_differs_by_a_word_in_eight_is_left_out_only_when_asked_for() -> None:
    held_out = {"one two three four five six seven eight"}
    texts = ("One two three four five six seven nine.", "One two three four five six nine ten.")
    assert leave_out(texts, held_out) == texts
    assert leave_out(texts, held_out, nearly=True) == texts[1:]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"\n...\n", r"'a.txt' must hold sentences"),
        ("a.txt", "é".encode("latin-1"), "in UTF-8"),
        ("a.pdf", b"x", r"\.txt .* got 'a.pdf'"),
        ("a.csv", b"id;sentence\n1;He won; twice.\n2;Once.\n", r"'a.csv': .*name for each cell"),
        ("a.csv", b"text,label\nhello,1\n", r"'a.csv': .*column 'sentence'; it has 'text,label'"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=message):
        read_texts([tmp_path / name])


def test_a_text_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.txt"):
        read_texts([tmp_path / "missing.txt"])


def test_the_words_that_zuco_lists_make_the_sentences_that_it_lists(shared_data: Path) -> None:
    words = {sentence_key(each) for each in read_texts([shared_data / "reading" / "zuco_words.tsv"])}
    sentences = {sentence_key(each) for each in read_texts([shared_data / "reading" / "sentiment_labels_task1.csv"])}
    assert (len(words), len(sentences)) == (689, 400)
    assert len(words & sentences) >= 398  # of two, the list of words has lost one
