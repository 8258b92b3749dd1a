"""Result files of ZuCo, in both of their published layouts."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from rich.console import Console

from bci_app.contract.errors import BciError, ChannelError, RecordingError, SettingsError
from bci_app.contract.preprocessing import Preprocessor
from bci_app.contract.signal import Chunk
from tests.training.data.zuco_files import (
    BANDS,
    N_CHANNELS,
    NAN,
    Fields,
    sentence,
    word,
    write_version5,
    write_version73,
)
from training.data import zuco
from training.data.reading_settings import Filtering, ZucoReadings
from training.data.zuco import CHANNELS, WAVES_ARE_CLEANED, read_zuco

Write = Callable[..., Path]
FILES: list[tuple[str, Write, str]] = [
    ("resultsZAB_SR.mat", write_version5, "SR"),
    ("resultsYAC_NR.mat", write_version73, "NR-2"),
    ("resultsZKW_TSR.mat", write_version73, "TSR"),  # the authors have given 1.0 in the newer format, too
]
EITHER = pytest.mark.parametrize(("name", "write", "task"), FILES, ids=[task for _, _, task in FILES])


def _sentences() -> list[Fields]:
    cats = [word("The", 3, 0.25), word("cat"), word("sat.", 1, 0.5)]
    return [sentence("The cat sat.", cats), sentence("Stop — “now”!", [word("Stop"), word("“now”!", 1, 0.75)])]


def _amplitudes(value: float, measure: int) -> np.ndarray:
    """What `zuco_files.word` wrote, as one row."""
    bands = [value + 1000 * measure + 100 * band + np.arange(N_CHANNELS) / 1000 for band in range(8)]
    return np.concatenate(bands).astype(np.float32)


def _read(path: Path, **settings: Any):
    return read_zuco(ZucoReadings(files=(str(path),), **settings))


@EITHER
def test_words_that_were_looked_at_give_their_features_in_the_order_of_gaze(
    tmp_path: Path, name: str, write: Write, task: str
) -> None:
    readings = _read(write(tmp_path / name, _sentences()))
    cat, stop = readings.items
    assert (cat.sentence, cat.words, cat.task, cat.subject) == ("The cat sat.", ("sat.", "The"), task, name[7:10])
    np.testing.assert_array_equal(cat.signal, [_amplitudes(0.5, 1), _amplitudes(0.25, 1)])
    assert (stop.sentence, stop.words, stop.signal.shape) == ("Stop — “now”!", ("“now”!",), (1, 840))
    assert readings.rows[:2] == ("GD_t1/E2", "GD_t1/E3")
    assert (readings.rows[105], readings.rows[-1]) == ("GD_t2/E2", "GD_g2/Cz")
    assert (readings.reads, readings.preprocessing, readings.notes) == ("word-features", None, ())
    in_text_order = _read(tmp_path / name, order="sentence").items[0]
    np.testing.assert_array_equal(in_text_order.signal, cat.signal[::-1])
    assert in_text_order.words == ("The", "sat.")


@EITHER
@pytest.mark.parametrize(("measure", "number"), [("FFD", 0), ("TRT", 2)])
def test_the_measure_says_which_fixations_count(
    tmp_path: Path, name: str, write: Write, task: str, measure: str, number: int
) -> None:
    readings = _read(write(tmp_path / name, _sentences()), measure=measure)
    np.testing.assert_array_equal(readings.items[1].signal, [_amplitudes(0.75, number)])
    assert readings.rows[0] == f"{measure}_t1/E2"


def test_each_word_is_z_scored_by_itself_only_when_asked_for(tmp_path: Path) -> None:
    path = write_version5(tmp_path / "resultsZAB_SR.mat", _sentences())
    raw, scored = (_read(path, z_score_words=each).items[0].signal for each in (False, True))
    expected = (raw - raw.mean(axis=1, keepdims=True)) / raw.std(axis=1, ddof=1, keepdims=True)
    np.testing.assert_allclose(scored, expected, atol=1e-5)
    assert abs(raw.mean()) > 1000


def test_the_electrodes_are_those_of_the_net_without_face_and_neck() -> None:
    assert len(CHANNELS) == len(set(CHANNELS)) == N_CHANNELS
    assert CHANNELS[:8] == ("E2", "E3", "E4", "E5", "E6", "E7", "E9", "E10")
    assert CHANNELS[-2:] == ("E124", "Cz")


@EITHER
def test_waves_go_through_the_one_preprocessing_that_is_told(
    tmp_path: Path, name: str, write: Write, task: str
) -> None:
    path = write(tmp_path / name, _sentences())
    readings = _read(path, reads="waves", filtering=Filtering(decimation=4))
    assert (readings.rows, readings.spec.reads) == (CHANNELS, "waves")
    assert readings.preprocessing is not None
    assert readings.preprocessing.output_sfreq == 125.0
    raw = np.arange(50)[None] + np.arange(N_CHANNELS)[:, None] / 100
    chunk = Chunk(raw.astype(np.float32), np.arange(50) / 500, 0)
    np.testing.assert_array_equal(readings.items[0].signal, Preprocessor(readings.preprocessing).process(chunk).data)
    assert readings.items[0].signal.shape == (N_CHANNELS, 13)
    assert readings.items[0].words == ("sat.", "The")
    assert readings.notes == (WAVES_ARE_CLEANED,)


@EITHER
def test_a_sentence_alone_in_its_file_and_a_word_alone_in_its_sentence_are_read(
    tmp_path: Path, name: str, write: Write, task: str
) -> None:
    """An array of one struct is written in another way than one of several."""
    (reading,) = _read(write(tmp_path / name, [sentence("Go!", [word("Go!", 1, 0.5)])])).items
    np.testing.assert_array_equal(reading.signal, [_amplitudes(0.5, 1)])


@EITHER
def test_what_was_not_read_whole_is_left_out_and_told(tmp_path: Path, name: str, write: Write, task: str) -> None:
    lost, missing, zero = word("lost", 1), word("missing", 1), word("never") | {"nFixations": np.array([[0.0]])}
    lost["GD_b1"] = lost["GD_b1"].copy()
    lost["GD_b1"][0, 17] = np.nan
    missing["GD_a1"] = NAN
    sentences = [
        *_sentences(),
        sentence("It was not read.", None, n_times=0),
        sentence("Nobody looked.", [word("Nobody"), zero]),
        sentence("Words alone.", [{"content": "Words"}, {"content": "alone."}]),
        sentence("One is lost.", [word("One", 2), lost]),
        sentence("One is missing.", [missing]),
        sentence("Much too many words.", [word(f"w{number}", number) for number in range(1, 5)]),
        sentence(" ", [word("x", 1)]),
    ]
    readings = _read(write(tmp_path / name, sentences), max_words=3)
    assert [each.sentence for each in readings.items] == ["The cat sat.", "Stop — “now”!"]
    assert readings.notes == (
        f"'{name}': left out 3 sentence(s) without a word that was looked at: 'It was not read.'; 'Nobody looked.'; "
        "'Words alone.'.",
        f"'{name}': left out 2 sentence(s) with missing or NaN GD features: 'One is lost.'; 'One is missing.'.",
        f"'{name}': left out 1 sentence(s) with more than 3 words: 'Much too many words.'.",
        f"'{name}': left out 1 sentence(s) without text: 'sentence 9'.",
    )
    assert readings.spec.max_words == 3


def test_notes_name_a_few_and_count_the_others(tmp_path: Path) -> None:
    sentences = [*_sentences(), *(sentence(f"Unseen {number}.", None) for number in range(5))]
    (note,) = _read(write_version5(tmp_path / "resultsZAB_SR.mat", sentences)).notes
    assert note.endswith(
        "left out 5 sentence(s) without a word that was looked at: 'Unseen 0.'; 'Unseen 1.'; 'Unseen 2.' and 2 more."
    )


def test_waves_without_eeg_with_nan_or_too_long_are_left_out(tmp_path: Path) -> None:
    broken = sentence("Broken.", [word("Broken.", 1)])
    broken["rawData"][3, 4] = np.nan
    sentences = [
        *_sentences(),
        sentence("Gone.", [word("Gone.", 1)], n_times=0),
        broken,
        sentence("Long.", [word("Long.", 1)], n_times=60),
    ]
    readings = _read(write_version73(tmp_path / "resultsYAC_NR.mat", sentences), reads="waves", max_s=0.1)
    assert len(readings) == 2
    assert [note.split("left out ")[1] for note in readings.notes[1:]] == [
        "1 sentence(s) without EEG: 'Gone.'.",
        "1 sentence(s) with NaN in their EEG: 'Broken.'.",
        "1 sentence(s) that took more than 0.1 s: 'Long.'.",
    ]


def test_known_misprints_are_put_right_in_sentences_and_words(tmp_path: Path) -> None:
    path = write_version5(tmp_path / "resultsZAB_SR.mat", [sentence("So emp11111ty  now.", [word("emp11111ty", 1)])])
    (reading,) = _read(path).items
    assert (reading.sentence, reading.words, reading.key) == ("So empty now.", ("empty",), "so empty now")


def test_files_of_several_subjects_and_versions_are_read_together_by_a_pattern(tmp_path: Path) -> None:
    for name, write, _ in FILES:
        write(tmp_path / name, _sentences())
    readings = _read(tmp_path / "results*.mat")
    assert [(each.subject, each.task) for each in readings.items[::2]] == [
        ("YAC", "NR-2"),
        ("ZAB", "SR"),
        ("ZKW", "TSR"),
    ]
    assert set(readings.keys) == {"the cat sat", "stop now"}


def test_the_file_that_is_being_read_is_named_in_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = StringIO()
    monkeypatch.setattr(zuco, "get_console", lambda: Console(file=shown, force_terminal=True, width=100))
    for name in ("resultsZAB_SR.mat", "resultsZDM_SR.mat"):
        write_version5(tmp_path / name, _sentences())
    assert len(_read(tmp_path / "*.mat")) == 4
    assert "resultsZDM_SR.mat" in shown.getvalue()
    assert "2/2" in shown.getvalue()


def test_the_eeg_is_not_read_for_features(tmp_path: Path) -> None:
    path = write_version73(tmp_path / "resultsYAC_NR.mat", _sentences())
    with h5py.File(path, "r+") as file:
        for number in range(2):
            reference = file["sentenceData/rawData"][number, 0]
            name = file[reference].name
            del file[name]
            file.create_dataset(name, shape=(200_000, N_CHANNELS), dtype="f8", chunks=(1000, N_CHANNELS))
            references = file["sentenceData/rawData"]
            references[number, 0] = file[name].ref
    tracemalloc.start()
    try:
        assert len(_read(path)) == 2
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20e6  # either of the two has 168 MB


def _with_channels(n: int) -> list[Fields]:
    return [*_sentences(), sentence("Few.", [word("Few.", 1, n_channels=n)])]


def _with_eeg_of(n: int) -> list[Fields]:
    few = sentence("Few.", [word("Few.", 1)]) | {"rawData": np.zeros((n, 20))}
    return [*_sentences(), few]


@EITHER
@pytest.mark.parametrize(
    ("sentences", "settings", "error", "message"),
    [
        (
            _with_channels(104),
            {},
            ChannelError,
            r"Sentence 3 of '{name}' must have 105 .* GD_t1 of the word 'Few.' has 104",
        ),
        (
            _with_eeg_of(104),
            {"reads": "waves"},
            ChannelError,
            r"Sentence 3 of '{name}' must have 105 .* rawData has 104",
        ),
        (
            [sentence(np.array([[7.0]]), [word("a", 1)])] * 2,
            {},
            RecordingError,
            "Sentence 1 of '{name}'.*'content' must be text",
        ),
        (
            [sentence("a", [word("a", 1)]), sentence("b", [word("b", 1) | {"content": np.eye(3)}])],
            {},
            RecordingError,
            "Sentence 2 of '{name}'.*'content' must be text",
        ),
        (
            [sentence("a", [word("a", 1) | {"GD_g2": "text"}])] * 2,
            {},
            RecordingError,
            "Sentence 1 of '{name}'.*'GD_g2' must be numbers",
        ),
        ([sentence("a", None)] * 2, {}, SettingsError, "No sentence of ZuCo is left.*'{name}': left out 2"),
        ([{"content": "a"}] * 2, {}, RecordingError, "Sentence 1 of '{name}' cannot be read.*word"),
    ],
)
def test_what_is_no_reading_is_refused_with_file_and_sentence(
    tmp_path: Path,
    name: str,
    write: Write,
    task: str,
    sentences: list[Fields],
    settings: dict,
    error: type[BciError],
    message: str,
) -> None:
    with pytest.raises(error, match=message.format(name=name)):
        _read(write(tmp_path / name, sentences), **settings)


@EITHER
def test_a_file_of_another_task_is_refused_by_its_name(tmp_path: Path, name: str, write: Write, task: str) -> None:
    path = write(tmp_path / name, _sentences())
    assert len(_read(path, tasks=(task,))) == 2
    other = "TSR-2" if task != "TSR-2" else "SR"
    with pytest.raises(SettingsError, match=f"'{name}' is of task {task} by its name; {other} was asked for"):
        _read(path, tasks=(other,))


@pytest.mark.parametrize("name", ["sentences.mat", "resultsABC_NR.mat", "resultsZAB.mat", "resultsZAB_SR.txt"])
def test_a_file_that_is_not_called_as_published_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordingError, match=f"results<SUBJECT>_<TASK>.mat.* got '{name}'"):
        _read(write_version5(tmp_path / "a.mat", _sentences()).rename(tmp_path / name))


@EITHER
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, name: str, write: Write, task: str) -> None:
    with pytest.raises(RecordingError, match=f"'{name}' must hold an array of structs 'sentenceData'; it holds EEG"):
        _read(write(tmp_path / name, _sentences(), "EEG"))


@EITHER
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.95])
def test_a_file_that_is_cut_is_refused(tmp_path: Path, name: str, write: Write, task: str, share: float) -> None:
    path = write(tmp_path / name, _sentences())
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(RecordingError, match=f"'{name}'.*etch"):
        _read(path)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"resultsZAB_SR\.mat"):
        _read(tmp_path / "resultsZAB_SR.mat")


def test_every_band_is_read() -> None:
    assert zuco.BANDS == BANDS
