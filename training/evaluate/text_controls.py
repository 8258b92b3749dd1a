"""The controls of a reader of text as a short table in Markdown, for whoever sees its bundle alone."""

from __future__ import annotations

from training.evaluate.text_findings import TextFindings
from training.evaluate.text_report import spread


def controls_table(found: TextFindings) -> str:
    """BLEU-1 of all that was given to the model and of all that needs no signal, and what of it is left after shuffling.

    The report has every figure of each. Another sentence's EEG is itself a shuffle and has no second figure.
    """
    rows = []
    for said in (*found.inputs, *found.baselines):
        cells = [spread(said.figures["BLEU-1"]), spread(said.gap.gap, sign=True) if said.gap else None]
        rows.append(f"| {said.name} | {' | '.join(f'{cell[0]} ({cell[1]})' if cell else '-' for cell in cells)} |")
    head = "| given | BLEU-1 (95 % interval) | matched minus shuffled |\n|---|---|---|"
    return "\n".join((head, *rows, "", f"Best constant sentence, chosen on training text: “{found.best_constant}”"))
