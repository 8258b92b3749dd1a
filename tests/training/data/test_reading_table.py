"""Recordings of reading: a table of words beside the EEG gives what markers inside it would have given."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_app.contract.errors import BciError, ChannelError, RateError, SettingsError, SignalError, UnitError
from bci_app.contract.reading import SentenceSpec
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.windowing import TrialSpec
from bci_app.streams.recordings import write_recording
from tests.streams.recording_files import KINDS, made_recording
from training.data.reading_settings import Filtering, TableReadings
from training.data.reading_table import read_tables
from training.data.readings import Readings

RAW = Filtering(band_hz=(None, None), reference="none")
WORDS = SentenceSpec(word_cut=TrialSpec(start_s=0.1, stop_s=0.3), max_words=4)
WAVES = SentenceSpec(word_cut=None)
HEADER = "onset_s\tword\tsentence\n"
TABLE = HEADER + "1.0\tThe\tThe cat sat.\n1.5\tcat\tThe cat sat.\n2.0\tsat.\tThe cat sat.\n3.0\tStop\t2\n3.4\tnow\t2\n"


def _recording(n_times: int = 600, **changes: Any) -> Recording:
    """100 Hz, on a clock that has been running for 5,000 s; the first channel holds the number of its sample."""
    numbers = np.arange(n_times, dtype=np.float32)
    whole = Recording(np.stack([numbers, -2 * numbers]), 5000 + np.arange(n_times) / 100, ("A", "B"), 100.0, (), "one")
    return replace(whole, **changes)


def _read(folder: Path, recording: Recording | None = None, table: str | None = TABLE, **settings: Any) -> Readings:
    path = folder / "sub-7_task-reading_eeg.npz"
    write_recording(recording or _recording(), path)
    tables = None
    if table is not None:
        (folder / "words.tsv").write_text(table, "utf-8")
        tables = (str(folder / "words.tsv"),)
    given: dict[str, Any] = {"sentence": WORDS, "filtering": RAW} | settings
    return read_tables(TableReadings(recordings=(str(path),), tables=tables, **given))


def test_a_window_is_cut_at_each_word_and_none_is_dropped_or_shifted(tmp_path: Path) -> None:
    readings = _read(tmp_path)
    cat, stop = readings.items
    assert (cat.sentence, cat.words) == ("The cat sat.", ("The", "cat", "sat."))
    np.testing.assert_array_equal(cat.signal[:, 0], np.add.outer([110, 160, 210], np.arange(20)))
    np.testing.assert_array_equal(cat.signal[:, 1], -2 * cat.signal[:, 0])
    assert (stop.sentence, stop.words) == ("Stop now", ("Stop", "now"))  # its id tells no text, its words do
    np.testing.assert_array_equal(stop.signal[:, 0, 0], [310, 350])
    assert {(each.subject, each.task) for each in readings.items} == {("7", "reading")}
    assert (readings.reads, readings.rows, readings.spec, readings.notes) == ("word-windows", ("A", "B"), WORDS, ())


def test_waves_last_from_the_first_word_to_the_end_of_the_last_and_not_into_the_next(tmp_path: Path) -> None:
    cat, stop = _read(tmp_path, sentence=WAVES, last_word_s=1.25).items
    np.testing.assert_array_equal(cat.signal[0], np.arange(100, 300))  # the next sentence begins before 3.25 s
    np.testing.assert_array_equal(stop.signal[0], np.arange(300, 465))
    assert stop.words == ("Stop", "now")


def test_the_duration_in_the_table_ends_the_last_word(tmp_path: Path) -> None:
    table = "onset_s\tduration_s\tword\tsentence\n1.0\t0.2\tA\tA dog\n1.2\t0.45\tdog\tA dog\n3.0\tn/a\tStop\t2\n"
    dog, stop = _read(tmp_path, table=table, sentence=WAVES).items
    np.testing.assert_array_equal(dog.signal[0], np.arange(100, 165))
    np.testing.assert_array_equal(stop.signal[0], np.arange(300, 350))


@pytest.mark.parametrize("spec", [WORDS, WAVES])
def test_markers_inside_the_recording_give_the_same_as_a_table_beside_it(tmp_path: Path, spec: SentenceSpec) -> None:
    said = [(1.0, "sentence/start"), (1.0, "word/The"), (1.5, "word/cat"), (2.0, "word/sat."), (2.5, "sentence/stop")]
    said += [(2.7, "blink"), (3.0, "sentence/start"), (3.0, "word/Stop"), (3.4, "word/now"), (3.9, "sentence/stop")]
    data = np.random.default_rng(0).normal(size=(2, 600)).astype(np.float32)
    marked = _recording(data=data, markers=tuple(Marker(5000 + time, label) for time, label in said))
    filtering = Filtering(band_hz=(1.0, 20.0), decimation=2)
    inside = _read(tmp_path, marked, None, sentence=spec, filtering=filtering)
    beside = _read(tmp_path, marked, sentence=spec, filtering=filtering)
    for one, other in zip(inside.items, beside.items, strict=True):
        np.testing.assert_array_equal(one.signal, other.signal)
        assert (one.words, one.key) == (other.words, other.key)
    assert inside.preprocessing == beside.preprocessing == filtering.spec(("A", "B"), 100.0)
    assert inside.items[0].signal.shape[-1] == (75 if spec is WAVES else 10)


def test_annotations_of_an_mne_file_tell_words_and_sentences(tmp_path: Path) -> None:
    import mne

    raw = mne.io.RawArray(_recording().data * 1e-6, mne.create_info(["A", "B"], 100.0, "eeg"), verbose="error")
    onsets, labels = [1.0, 1.0, 1.5, 2.0], ["sentence/start", "word/A", "word/dog", "sentence/stop"]
    raw.set_annotations(mne.Annotations(onsets, [0.0] * 4, labels))
    raw.save(tmp_path / "sub-3_eeg.fif", verbose="error")
    settings = TableReadings(recordings=(str(tmp_path / "*.fif"),), sentence=WORDS, filtering=RAW)
    (reading,) = read_tables(settings).items
    assert (reading.sentence, reading.words, reading.subject) == ("A dog", ("A", "dog"), "3")
    np.testing.assert_allclose(reading.signal[:, 0], np.add.outer([110, 160], np.arange(20)), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_recordings_of_every_kind_are_read_by_a_table_and_by_their_markers(tmp_path: Path, kind: str) -> None:
    said = [(0.3, "sentence/start"), (0.3, "word/A"), (0.7, "word/dog"), (1.2, "sentence/stop")]
    made = replace(made_recording(), markers=tuple(Marker(time, label) for time, label in said))
    path = KINDS[kind](made, tmp_path)
    (tmp_path / "words.tsv").write_text(HEADER + "0.3\tA\tA dog\n0.7\tdog\tA dog\n", "utf-8")
    prefix = "Comment/" if kind == "BrainVision" else ""  # as MNE reads its markers
    parts = {part: prefix + getattr(WORDS, part) for part in ("start", "word", "stop")}
    marked = SentenceSpec(**parts, word_cut=WORDS.word_cut)
    ways = [
        (str(tmp_path / "words.tsv"),),
        *([None] if kind not in ("EDF", "BDF") else []),
    ]  # those two are written without
    for tables in ways:
        settings = TableReadings(recordings=(str(path),), tables=tables, sentence=marked, filtering=RAW)
        (reading,) = read_tables(settings).items
        assert (reading.sentence, reading.words) == ("A dog", ("A", "dog"))
        np.testing.assert_allclose(reading.signal[:, 0], np.add.outer([40, 80], np.arange(20)), atol=0.1)


def test_run_folders_of_one_participant_are_readings_of_one(tmp_path: Path) -> None:
    for name in ("signal-1", "signal-2"):
        folder = KINDS["session folder"](made_recording(), tmp_path / name)
        (folder / "session.json").write_text(json.dumps({"participant": "P07"}))
        (folder / "words.tsv").write_text(HEADER + "0.3\tA\tA dog\n0.7\tdog\tA dog\n", "utf-8")
    folders, tables = (str(tmp_path / "*" / "session"),), (str(tmp_path / "*" / "session" / "words.tsv"),)
    settings = TableReadings(recordings=folders, tables=tables, sentence=WORDS, filtering=RAW)
    assert [each.subject for each in read_tables(settings).items] == ["P07", "P07"]


def test_waves_without_words_take_their_text_from_the_start(tmp_path: Path) -> None:
    markers = (Marker(5001, "sentence/start/A dog."), Marker(5002, "sentence/stop"), Marker(5003, "sentence/start"))
    recording = _recording(markers=(*markers, Marker(5004, "sentence/stop")))
    readings = _read(tmp_path, recording, None, sentence=WAVES)
    assert [(each.sentence, each.words) for each in readings.items] == [("A dog.", ())]
    assert readings.notes == ("'one': left out 1 sentence(s): at 3.00 s, no marker tells its words.",)


def test_a_table_may_tell_task_and_subject_and_be_in_any_order(tmp_path: Path) -> None:
    table = "task;word;subject;sentence;onset_s\nNR;dog;X;A dog;1.4\nNR;A;X;A dog;1\nSR;A;;A dog;2\nSR;dog;;A dog;2.4\n"
    (tmp_path / "words.csv").write_text(table, "utf-8")
    write_recording(_recording(), tmp_path / "monday.npz")
    settings = TableReadings(
        recordings=(str(tmp_path / "monday.npz"),), tables=(str(tmp_path / "words.csv"),), sentence=WORDS
    )
    items = read_tables(settings).items
    assert [(each.subject, each.task, each.words) for each in items] == [
        ("X", "NR", ("A", "dog")),
        ("monday", "SR", ("A", "dog")),
    ]


def test_what_cannot_be_cut_is_left_out_with_the_reason(tmp_path: Path) -> None:
    many = "".join(f"{1 + number / 5}\tw\t9\n" for number in range(5))
    readings = _read(tmp_path, table=HEADER + many + "3.0\tStop\t2\n5.9\tnow\t3\n")
    assert [each.sentence for each in readings.items] == ["Stop"]
    assert readings.notes == (
        "'one': left out 2 sentence(s): at 1.00 s, it has 5 words; the model reads up to 4; at 5.90 s, the recording ends "
        "before it does.",
    )


_NAN, _FLAT = _recording().data.copy(), _recording().data.copy()
_NAN[1, 5] = np.nan
_FLAT[1] = 3.0


@pytest.mark.parametrize(
    ("table", "changes", "error", "message"),
    [
        ("start\tword\n1\ta\n", {}, SettingsError, r"'words\.tsv' lacks onset_s, sentence: it has start, word"),
        ("", {}, SettingsError, r"lacks onset_s, word, sentence: it has none"),
        (HEADER, {}, SettingsError, r"'words\.tsv' has none\. Fill it"),
        (
            HEADER + "1\ta\t1\n6.5\tb\t1\n",
            {},
            SettingsError,
            r"line 3 of 'words\.tsv' has 6\.5, and 'one' lasts 5\.99 s.* samples divided by 100 and milliseconds by 1000",
        ),
        (HEADER + "-0.1\ta\t1\n", {}, SettingsError, r"line 2 of 'words\.tsv' has -0\.1"),
        (HEADER + "nan\ta\t1\n", {}, SettingsError, r"line 2 of 'words\.tsv' has nan"),
        (HEADER + "soon\ta\t1\n", {}, SettingsError, r"onset_s in line 2 of 'words\.tsv' is 'soon'"),
        (HEADER + "1\t\t1\n", {}, SettingsError, r"line 2 of 'words\.tsv' does not"),
        (HEADER + "5.9\ta\t1\n", {}, SettingsError, r"'readings' has no sentence .* left out 1"),
        (None, {}, SettingsError, r"by markers 'sentence/start'; 'one' has none, but no marker at all"),
        (None, {"markers": (Marker(5001, "Comment/go"),)}, SettingsError, r"'one' has none, but Comment/go\."),
        (TABLE, {"data": _NAN}, SignalError, r"channel\(s\) B hold NaN"),
        (TABLE, {"data": _FLAT}, SignalError, r"channel\(s\) B are flat"),
        (TABLE, {"unit": "au"}, UnitError, "'one' is in 'au'"),
    ],
)
def test_what_is_no_reading_is_refused(
    tmp_path: Path, table: str | None, changes: dict, error: type[BciError], message: str
) -> None:
    with pytest.raises(error, match=message):
        _read(tmp_path, _recording(**changes), table)


@pytest.mark.parametrize(
    ("second", "error", "message"),
    [
        ({"channels": ("A", "X")}, ChannelError, r"'two\.npz' has A, X, and 'one\.npz' A, B"),
        ({"sfreq": 50.0, "times": np.arange(600) / 50}, RateError, r"'two\.npz' has 50 Hz, and 'one\.npz' 100 Hz"),
    ],
)
def test_recordings_of_another_montage_or_rate_are_not_mixed(
    tmp_path: Path, second: dict, error: type[BciError], message: str
) -> None:
    for name, changes in (("one", {}), ("two", second)):
        write_recording(_recording(**changes), tmp_path / f"{name}.npz")
        (tmp_path / f"{name}.tsv").write_text(TABLE, "utf-8")
    files = {
        key: tuple(str(tmp_path / f"{name}.{end}") for name in ("one", "two"))
        for key, end in (("recordings", "npz"), ("tables", "tsv"))
    }
    with pytest.raises(error, match=message):
        read_tables(TableReadings(sentence=WORDS, **files))


@pytest.mark.parametrize(
    ("recording", "table", "belongs"),
    [
        ("sub-1_task-a_eeg", "sub-1_task-a_events", True),
        ("sub-1_run-2_eeg", "sub-1_words", True),
        ("monday", "sub-1_words", True),
        ("sub-1_task-a_eeg", "sub-2_task-a_events", False),
        ("sub-1_ses-x_eeg", "sub-1_ses-y_events", False),
    ],
)
def test_a_table_that_is_another_recordings_by_its_name_is_refused(
    tmp_path: Path, recording: str, table: str, belongs: bool
) -> None:
    write_recording(_recording(), tmp_path / f"{recording}.npz")
    (tmp_path / f"{table}.tsv").write_text(TABLE, "utf-8")
    files = {"recordings": (str(tmp_path / f"{recording}.npz"),), "tables": (str(tmp_path / f"{table}.tsv"),)}
    if belongs:
        assert len(read_tables(TableReadings(sentence=WORDS, **files))) == 2
    else:
        with pytest.raises(SettingsError, match=f"'{recording}.npz' and '{table}.tsv' do not belong together"):
            read_tables(TableReadings(sentence=WORDS, **files))


def test_as_many_tables_as_recordings_are_needed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="got 2 recordings, 1 tables and 2 subjects"):
        read_tables(TableReadings(recordings=("a.npz", "b.npz"), tables=("a.tsv",)))
