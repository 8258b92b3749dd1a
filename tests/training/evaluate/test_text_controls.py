"""The short table of controls holds everything that was given to a model, in the digits of the report."""

from __future__ import annotations

from dataclasses import replace

from tests.training.evaluate.text_world import TellingReader, word_readings
from training.evaluate.text_controls import controls_table
from training.evaluate.text_inputs import OTHER_SENTENCE
from training.evaluate.text_report import spread
from training.evaluate.text_scores import score_text


def test_each_input_and_baseline_has_one_row_with_its_score_and_what_shuffling_leaves_of_it() -> None:
    train, test = word_readings(12, seed=2), replace(word_readings(12, seed=1), notes=())
    found = score_text(TellingReader("all"), train, test, noise_model=TellingReader("nothing"))
    rows = [line.strip("| ").split(" | ") for line in controls_table(found).splitlines() if line.startswith("| ")][1:]
    assert [row[0] for row in rows] == [said.name for said in (*found.inputs, *found.baselines)]
    for row, said in zip(rows, (*found.inputs, *found.baselines), strict=True):
        assert row[1] == "{} ({})".format(*spread(said.figures["BLEU-1"]))
        assert row[2] == ("{} ({})".format(*spread(said.gap.gap, sign=True)) if said.gap else "-")
        assert (row[2] == "-") == (said.name == OTHER_SENTENCE)
    assert rows[0][1] == "100.0 (100.0 to 100.0)"
