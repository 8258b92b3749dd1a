"""Simulated readings of all kinds: the same sentences by all participants, cut by the code that cuts live."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from bci_app.contract.reading import Reads, SentenceSpec
from bci_app.simulation.sentences import TASKS
from bci_app.simulation.settings import ParticipantSettings, ReadingSettings
from training.data.readings import Floats
from training.data.simulated_readings import SimulatedReadingsSettings, part_of_reading, simulated_readings

SMALL = SimulatedReadingsSettings(
    n_subjects=2, n_train=3, n_test=1, participant=ParticipantSettings(n_channels=6, sfreq=128.0)
)


@pytest.mark.parametrize(
    ("reads", "shape"),
    [("word-features", (None, 48)), ("word-windows", (None, 6, 64)), ("waves", (6, None))],
)
def test_everybody_reads_all_sentences_of_all_tasks(reads: Reads, shape: tuple[int | None, ...]) -> None:
    readings = simulated_readings(SMALL.model_copy(update={"reads": reads}))
    assert readings.reads == reads
    assert len(readings) == 2 * len(TASKS) * (3 + 1)
    by_subject = {
        subject: [each.key for each in readings.items if each.subject == subject]
        for subject in ("simulated 0", "simulated 1")
    }
    assert by_subject["simulated 0"] == by_subject["simulated 1"]
    assert [each.task for each in readings.items[:12]] == ["SR"] * 4 + ["NR"] * 4 + ["TSR"] * 4
    assert [part_of_reading(each) for each in readings.items[:4]] == ["train"] * 3 + ["test"]
    for each in readings.items:
        assert " ".join(each.words) == each.sentence
        assert all(have == want for have, want in zip(each.signal.shape, shape, strict=True) if want is not None)
        if reads != "waves":
            assert len(each.signal) == len(each.words)
        else:
            assert each.signal.shape[1] == pytest.approx(128 * (0.3 + 0.5 * len(each.words)), abs=7 * len(each.words))


def test_without_information_the_same_noise_is_left_and_what_was_added_is_one_row_per_word() -> None:
    blind = SMALL.model_copy(update={"reading": ReadingSettings(information=0.0), "n_subjects": 1})
    noise = simulated_readings(blind)
    seen = simulated_readings(SMALL).items[: len(noise)]
    assert "An ideal observer gets 0.00" in noise.notes[0]
    added: dict[str, list[Floats]] = {}
    for one, other in zip(seen, noise.items, strict=True):
        for word, row in zip(one.words, one.signal - other.signal, strict=True):
            added.setdefault(word, []).append(row)
    assert max(map(len, added.values())) > 5
    for rows in added.values():
        np.testing.assert_allclose(rows, [rows[0]] * len(rows), atol=1e-5)


def test_word_windows_are_cut_out_of_the_waves() -> None:
    """The first word comes 0.3 s after the start, in the same preprocessed signal."""
    windows, waves = (
        simulated_readings(SMALL.model_copy(update={"reads": reads, "n_subjects": 1}))
        for reads in ("word-windows", "waves")
    )
    for one, other in zip(windows.items, waves.items, strict=True):
        assert np.array_equal(one.signal[0], other.signal[:, 38 : 38 + 64])


def test_settings_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"not in participant\.reading"):
        SimulatedReadingsSettings(participant=ParticipantSettings(reading=ReadingSettings()))
    with pytest.raises(ValidationError, match="marks sentences by sentence/start, sentence/stop and word/"):
        SimulatedReadingsSettings(sentence=SentenceSpec(start="begin"))
    with pytest.raises(ValidationError, match=r"word windows need sentence\.word_cut"):
        SimulatedReadingsSettings(reads="word-windows", sentence=SentenceSpec(word_cut=None))
