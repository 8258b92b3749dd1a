"""One door to all kinds of readings, and what recipes may say of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from bci_app.contract.signal import Recording
from bci_app.streams.recordings import write_recording
from tests.training.data.zuco_files import sentence, word, write_version5
from training.data.reading_files import read_readings
from training.data.reading_settings import Filtering, ReadingData, ReadingSplitSettings, matching


class Recipe(BaseModel):
    data: ReadingData
    split: ReadingSplitSettings


def _recipe(data: dict, split: dict | None = None) -> Recipe:
    return Recipe.model_validate({"data": data, "split": split or {"kind": "unique_sentences"}})


def test_every_kind_of_data_comes_through_one_door(tmp_path: Path) -> None:
    write_version5(tmp_path / "resultsZAB_SR.mat", [sentence("Go on.", [word("Go", 1), word("on.", 2)])])
    numbers = np.arange(300, dtype=np.float32)
    write_recording(Recording(np.stack([numbers, -numbers]), numbers / 100, ("A", "B"), 100.0), tmp_path / "a.npz")
    (tmp_path / "a.tsv").write_text("onset_s\tword\tsentence\n1\tGo\tGo on.\n1.5\ton.\tGo on.\n")
    zuco = {"kind": "zuco", "files": [str(tmp_path / "results*.mat")]}
    table = {"kind": "table", "recordings": [str(tmp_path / "a.npz")], "tables": [str(tmp_path / "a.tsv")]}
    simulated = {"kind": "simulated", "n_subjects": 1, "n_train": 3, "n_test": 2, "reading": {"tasks": ["NR"]}}
    found = [read_readings(_recipe(each).data) for each in (zuco, table, simulated)]
    assert [(each.reads, len(each)) for each in found] == [
        ("word-features", 1),
        ("word-windows", 1),
        ("word-features", 5),
    ]
    assert found[0].keys == found[1].keys == ("go on",)


@pytest.mark.parametrize(
    ("data", "split", "told"),
    [
        ({"kind": "zuko", "files": ["a"]}, None, "'simulated', 'zuco', 'table'"),
        ({"kind": "zuco", "files": []}, None, "at least 1 item"),
        ({"kind": "zuco", "files": ["a"], "tasks": ["SR-2"]}, None, "'SR', 'NR', 'TSR', 'NR-2'"),
        ({"kind": "zuco", "files": ["a"]}, {"kind": "unique_sentences", "test": 0.6}, "less than 0.5"),
        ({"kind": "zuco", "files": ["a"]}, {"kind": "unique_subjects"}, "subjects"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(data: dict, split: dict | None, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        _recipe(data, split)


def test_patterns_name_each_file_once_and_a_path_that_is_missing_stays(tmp_path: Path) -> None:
    for name in ("b.mat", "a.mat"):
        (tmp_path / name).touch()
    found = matching([str(tmp_path / "*.mat"), str(tmp_path / "a.mat"), "missing.mat"])
    assert found == [tmp_path / "a.mat", tmp_path / "b.mat", Path("missing.mat")]


def test_filtering_is_the_one_design_of_the_contract() -> None:
    spec = Filtering(band_hz=(0.5, 45.0), notch_hz=50.0, decimation=4).spec(("A", "B"), 500.0)
    assert (spec.output_sfreq, spec.reference, spec.channels) == (125.0, "average", ("A", "B"))
    assert len(spec.sos) == 2 + 1 + 2  # band, notch, and the fourth order against aliases
