"""fMRI runs as OpenNeuro publishes them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import BciError, RateError, RecordingError, SettingsError
from tests.training.data.volumes import numbered_volumes, numbered_voxels, write_mask, write_nifti
from training.data.fmri import Event, FmriRecipe
from training.data.nifti import read_mask
from training.data.openneuro import category_of, find_runs, read_events, read_openneuro
from training.data.splits import k_folds

HEADER = "onset\tduration\tevent_type\tstimulus_id\tstimulus_name\tcategory_index\timage_index\tresponse_time\n"
FIRST = (
    "0\t8\t-1\tn/a\tn/a\tn/a\tn/a\tn/a\n"
    "8\t4\t1\t1639765.047681\tn01639765_47681\t2\t14\tn/a\n"
    "12\t4\t1\t12596148.006386\tn12596148_6386\t149\t1189\tn/a\n"
    "16\t4\t2\t12596148.006386\tn12596148_6386\t149\t1189\t17.1\n"
    "20\t12\t-2\ton/a\tn/a\tn/a\tn/a\tn/a\n"  # a token that is published so
)
SECOND = FIRST.replace("n01639765_47681", "n01639765_111")
IMAGERY = (
    "onset\tduration\ttrial_no\tevent_type\tcategory_id\tcategory_name\tcategory_index\tresponse_time\tevaluation\n"
    "0.0\t4.0\t1.0\t1\t1976957\tn01976957\t7\t44.9\t4.0\n"
    "4.0\t8.0\t1.0\t2\t1976957\tn01976957\t7\t44.9\t4.0\n"
    "12.0\t3.0\t1.0\t3\t1976957\tn01976957\t7\t44.9\t4.0\n"
    "15.0\t1.0\t1.0\t4\t1976957\tn01976957\t7\t44.9\t4.0\n"
    "16.0\t6.0\t2.0\t-2\tn/a\tn/a\tn/a\tn/a\tn/a\n"
)
SESSION = "perceptionNaturalImageTraining01"


def _table(folder: Path, text: str, run: int = 1, session: str = SESSION) -> Path:
    path = (
        folder / "sub-01" / f"ses-{session}" / "func" / f"sub-01_ses-{session}_task-perception_run-{run:02d}_events.tsv"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _set(folder: Path, n_runs: int = 2, tr_s: tuple[float, ...] = (2.0, 2.0)) -> Path:
    for run in range(n_runs):
        table = _table(folder, HEADER + (FIRST, SECOND)[run % 2], run + 1)
        bold = table.with_name(table.name.replace("_events.tsv", "_bold.nii.gz"))
        write_nifti(bold, numbered_volumes(16) + 100 * run, tr_s=tr_s[run % 2])
    return folder


def test_trials_come_from_all_runs_with_where_they_were_recorded(tmp_path: Path) -> None:
    mask = read_mask([write_mask(tmp_path)])
    trials = read_openneuro(find_runs(_set(tmp_path)), mask, FmriRecipe(shift_s=4.0))
    expected = [numbered_voxels(16)[:, start : start + 2].mean(axis=1) for start in (6, 8)]
    np.testing.assert_allclose(trials.windows[:2, :, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(trials.windows[2:, :, 0], np.add(expected, 100), rtol=1e-6)
    assert trials.pictures == ("n01639765_47681", "n12596148_6386", "n01639765_111", "n12596148_6386")
    assert trials.labels == ("n01639765", "n12596148") * 2
    assert (trials.subjects, trials.sessions) == (("01",) * 4, (SESSION,) * 4)
    assert trials.runs == ("01", "01", "02", "02")
    assert trials.notes[0] == "Left out 2 one-back repeats."
    for split in k_folds(trials, "picture", 3):
        assert (1 in split.test) == (3 in split.test)


def test_repeats_are_kept_when_asked_for(tmp_path: Path) -> None:
    mask = read_mask([write_mask(tmp_path)])
    trials = read_openneuro(find_runs(_set(tmp_path)), mask, FmriRecipe(), keep_repeats=True)
    assert trials.pictures[1] == trials.pictures[2]
    assert (len(trials), trials.notes) == (6, ())


def test_each_run_is_scaled_by_itself(tmp_path: Path) -> None:
    mask = read_mask([write_mask(tmp_path)])
    trials = read_openneuro(find_runs(_set(tmp_path)), mask, FmriRecipe(scaling="run"))
    np.testing.assert_allclose(trials.windows[:2], trials.windows[2:], atol=1e-5)  # they differ by a constant
    assert sum("cannot run live" in note for note in trials.notes) == 1


def test_pictures_are_known_by_their_pixels(tmp_path: Path) -> None:
    runs, mask = find_runs(_set(tmp_path)), read_mask([write_mask(tmp_path)])
    grey, white = np.full((4, 4, 3), 99, np.uint8), np.full((4, 4, 3), 255, np.uint8)
    images = {"n01639765_47681": grey, "n12596148_6386": white, "n01639765_111": grey.copy()}
    trials = read_openneuro(runs, mask, FmriRecipe(), images=images)
    assert trials.pictures == ("n01639765_47681", "n12596148_6386") * 2
    np.testing.assert_array_equal(trials.images["n12596148_6386"], white)
    with pytest.raises(
        SettingsError, match=r"3 pictures, 1 of which are not among the 2 given, such as 'n01639765_111'"
    ):
        read_openneuro(runs, mask, FmriRecipe(), images={key: images[key] for key in list(images)[:2]})


def test_imagined_categories_have_no_picture(tmp_path: Path) -> None:
    events, n_left_out = read_events(_table(tmp_path, IMAGERY))
    assert (events, n_left_out) == ([Event(4.0, 8.0, "n01976957")], 0)


@pytest.mark.parametrize(
    ("stimulus", "category"),
    [
        ("n03626115_19498", "n03626115"),
        ("colorExpStim19_yellow_+", "+"),
        ("colorExpStim02_red_smallring", "smallring"),
        ("letter_black_img028_R", "R"),
    ],
)
def test_stimulus_names_tell_the_category(stimulus: str, category: str) -> None:
    assert category_of(stimulus) == category


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "it has no rows"),
        (
            "onset\tduration\ttrial_type\n0\t1\tface\n",
            "category_name for stimulus_name; it has onset, duration, trial_type",
        ),
        (HEADER + FIRST.replace("n01639765_47681", "n/a"), "Line 3 of .* must have stimulus_name; it has 'n/a'"),
        (HEADER + FIRST.replace("8\t4\t1", "on/a\t4\t1"), "Line 3 of .* must have onset; it has 'on/a'"),
        (HEADER + FIRST.replace("8\t4\t1", "8\tfour\t1"), "must have a number in duration; it has 'four'"),
        (HEADER + FIRST.replace("8\t4\t1", "8\t4\tpicture"), "must have a number in event_type; it has 'picture'"),
        (HEADER + "8\t4\n", "Line 2 of .* must have event_type; it has ''"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        read_events(_table(tmp_path, text))


def test_runs_are_found_in_order_and_by_session(tmp_path: Path) -> None:
    for run in (1, 2, 10):
        _table(tmp_path, HEADER + FIRST, run).with_name(
            f"sub-01_ses-{SESSION}_task-perception_run-{run:02d}_bold.nii.gz"
        ).write_bytes(b"")
    assert [run.run for run in find_runs(tmp_path, session="perceptionNaturalImage*")] == ["01", "02", "10"]
    with pytest.raises(RecordingError, match=r"ses-imagery\*/func/\*_events.tsv; it holds none"):
        find_runs(tmp_path, session="imagery*")


def test_preprocessed_volumes_are_found_by_the_name_of_the_run(tmp_path: Path) -> None:
    table = _table(tmp_path, HEADER + FIRST)
    stem = table.name.removesuffix("_events.tsv")
    for space in ("T1w", "MNI"):
        (tmp_path / "derived" / "x").mkdir(parents=True, exist_ok=True)
        (tmp_path / "derived" / "x" / f"{stem}_space-{space}_desc-preproc_bold.nii.gz").write_bytes(b"")
    with pytest.raises(RecordingError, match="has 0 of them"):
        find_runs(tmp_path)
    with pytest.raises(RecordingError, match=r"has 2 of them, such as .* and the space"):
        find_runs(tmp_path, volumes=tmp_path / "derived")
    (run,) = find_runs(tmp_path, volumes=tmp_path / "derived", space="space-T1w")
    assert run.bold.name == f"{stem}_space-T1w_desc-preproc_bold.nii.gz"
    assert (run.subject, run.session, run.run) == ("01", SESSION, "01")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"tr_s": (2.0, 1.0)}, RateError, r"run-02' has 1 s, .*run-01' 2 s"),
        ({"n_runs": 0}, SettingsError, "at least one run"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(
    tmp_path: Path, changes: dict, error: type[BciError], message: str
) -> None:
    folder, mask = _set(tmp_path, **changes), read_mask([write_mask(tmp_path)])
    with pytest.raises(error, match=message):
        read_openneuro(find_runs(folder) if changes.get("n_runs") != 0 else [], mask, FmriRecipe())


def test_one_run_is_in_memory_at_a_time(tmp_path: Path) -> None:
    volumes = np.random.default_rng(0).integers(0, 999, (16, 16, 16, 40)).astype(np.int16)
    for run in range(1, 7):
        table = _table(tmp_path, HEADER + FIRST, run)
        write_nifti(table.with_name(table.name.replace("_events.tsv", "_bold.nii.gz")), volumes)
    runs, mask = find_runs(tmp_path), read_mask([write_mask(tmp_path, np.indices((16, 16, 16)).sum(axis=0) < 20)])
    read_openneuro(runs[:1], mask, FmriRecipe())  # imports and caches
    peaks = []
    for n_runs in (1, 6):
        tracemalloc.start()
        trials = read_openneuro(runs[:n_runs], mask, FmriRecipe())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # each further run leaves its two trials and their preprocessing, and nothing of its volumes
    assert peaks[1] - peaks[0] < 5 * (volumes.nbytes / 4)
    assert trials.windows.dtype == np.float32
