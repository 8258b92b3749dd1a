"""What the result files of ZuCo hold where something was lost, and how many sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from tests.training.data.zuco_files import (
    BANDS,
    EMPTY,
    N_CHANNELS,
    NAN,
    Fields,
    sentence,
    word,
    write_version5,
    write_version73,
)
from training.data.reading_settings import ZucoReadings
from training.data.zuco import read_zuco

EITHER = pytest.mark.parametrize(
    ("name", "write"), [("resultsZAB_SR.mat", write_version5), ("resultsYAC_NR.mat", write_version73)]
)


def _sentences() -> list[Fields]:
    cats = [word("The", 3, 0.25), word("cat"), word("sat.", 1, 0.5)]
    return [sentence("The cat sat.", cats), sentence("Stop now!", [word("Stop"), word("now!", 1, 0.75)])]


def _read(path: Path, **settings: Any):
    return read_zuco(ZucoReadings(files=(str(path),), **settings))


@EITHER
def test_what_was_lost_is_known_in_each_of_its_published_forms(tmp_path: Path, name: str, write: Any) -> None:
    """A slot never filled; words without fields; a fixation beyond 90 microvolts; a sentence beyond them; two spaces."""
    rejected, doubled = word("beyond", 1), word("", 2)
    rejected |= {f"GD_{band}": np.full((1, N_CHANNELS), np.nan) for band in BANDS} | {"rawEEG": (NAN,)}
    sentences = [
        dict.fromkeys(sentence("x", None), EMPTY),
        sentence("Only words are there.", [{"content": each} for each in ["Only", "words", "are", "there."]]),
        sentence("It went beyond.", [word("It", 2), rejected]),
        sentence("Nothing  but features.", [word("Nothing", 1, 0.5), doubled, word("features.")], n_times=0),
    ]
    write(tmp_path / name, [*sentences, *_sentences()])
    readings = _read(tmp_path / name)
    assert [each.sentence for each in readings.items] == ["Nothing but features.", "The cat sat.", "Stop now!"]
    assert readings.items[0].words == ("Nothing", "")
    assert [note.split("left out ")[1] for note in readings.notes] == [
        "1 sentence(s) without text: 'sentence 1'.",
        "1 sentence(s) without a word that was looked at: 'Only words are there.'.",
        "1 sentence(s) with missing or NaN GD features: 'It went beyond.'.",
    ]
    waves = _read(tmp_path / name, reads="waves")
    assert [each.sentence for each in waves.items] == ["It went beyond.", "The cat sat.", "Stop now!"]


@EITHER
def test_single_precision_columns_and_fields_of_later_measures_change_nothing(
    tmp_path: Path, name: str, write: Any
) -> None:
    plain, other = _sentences(), _sentences()
    for each in other:
        each["allFixations"] = [{"x": np.ones((1, 4)), "duration": np.ones((1, 4))}]
        each |= {"wordbounds": np.ones((3, 4)), "answer_mean_t1": EMPTY, "mean_t1_diff_sec": np.ones((2, 46))}
        for seen in each["word"]:
            for field in [f"{measure}_{band}" for measure in ("GD", "TRT") for band in BANDS]:
                seen[f"{field}_diff"] = np.ones((1, 46)) if seen[field].size else EMPTY
                seen[field] = seen[field].T.astype(np.float32)
    one, two = (_read(write(tmp_path / name, each)) for each in (plain, other))
    for first, second in zip(one.items, two.items, strict=True):
        np.testing.assert_array_equal(first.signal, second.signal)
        assert first.words == second.words


def _missing(n: int) -> list[Fields]:
    return [{"content": f"Sentence {number}.", "rawData": NAN, "word": NAN} for number in range(n)]


@pytest.mark.parametrize(
    ("name", "write", "n", "message"),
    [
        ("resultsZAB_NR.mat", write_version5, 400, "task NR, which has 300 sentences; it holds 400, as many as SR has"),
        (
            "resultsZAB_TSR.mat",
            write_version5,
            400,
            "task TSR, which has 407 sentences; it holds 400, as many as SR has",
        ),
        ("resultsYAC_TSR.mat", write_version73, 349, "task TSR-2, .* it holds 349, as many as NR-2 has"),
        ("resultsYAC_NR.mat", write_version5, 390, "task NR-2, .* it holds 390, as many as TSR-2 has"),
        ("resultsZAB_NR.mat", write_version5, 301, "task NR, which has 300 sentences; it holds 301. Check"),
    ],
)
def test_a_file_of_another_task_is_refused_by_what_it_holds(
    tmp_path: Path, name: str, write: Any, n: int, message: str
) -> None:
    with pytest.raises(SettingsError, match=f"'{name}' must hold {message}"):
        _read(write(tmp_path / name, _missing(n)))


@pytest.mark.parametrize(
    ("name", "n"), [("resultsZDN_SR.mat", 299), ("resultsZGW_NR.mat", 250), ("resultsYMH_NR.mat", 300)]
)
def test_a_file_from_which_sessions_were_left_out_is_read(tmp_path: Path, name: str, n: int) -> None:
    readings = _read(write_version5(tmp_path / name, [*_sentences(), *_missing(n - 2)]))
    (note,) = readings.notes
    assert len(readings) == 2
    assert f"left out {n - 2} sentence(s) without a word" in note


def test_as_many_sentences_as_another_task_has_are_read_where_the_fields_tell_the_task(tmp_path: Path) -> None:
    """Two sessions of 50 less, SR has the 300 sentences of NR; it alone has questions in between."""
    path = tmp_path / "resultsZDN_SR.mat"
    write_version5(path, [each | {"answer_mean_t1": EMPTY} for each in [*_sentences(), *_missing(298)]])
    assert len(_read(path)) == 2
    write_version5(path, [*_sentences(), *_missing(298)])
    with pytest.raises(SettingsError, match=r"'resultsZDN_SR\.mat' must hold task SR, .* holds 300, as many as NR"):
        _read(path)


def test_the_same_file_in_two_folders_is_refused(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_version5(tmp_path / folder / "resultsZAB_SR.mat", _sentences())
    with pytest.raises(SettingsError, match=r"one/resultsZAB_SR\.mat' and '.*two/.* both of ZAB in task SR"):
        _read(tmp_path / "*" / "results*.mat")


def test_a_pattern_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"results\*\.mat' must match a file; there is none"):
        _read(tmp_path / "results*.mat")


def test_a_file_with_the_marks_of_a_pattern_in_its_name_is_read(tmp_path: Path) -> None:
    (tmp_path / "a[b]").mkdir()
    assert len(_read(write_version5(tmp_path / "a[b]" / "resultsZAB_SR.mat", _sentences()))) == 2
