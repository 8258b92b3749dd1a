"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Column, Table
from rich.text import Text

from bci_app.contract.manifest import Score


def score_table(scores: Sequence[Score]) -> Table:
    """Figures beside their controls."""
    table = Table(Column("figure", min_width=14), "value", "95 % interval", "chance", "noise", "shuffled", "n")
    for score in scores:
        controls = (score.chance, score.noise_input, score.shuffled_pairing)
        interval = "-" if score.low is None else f"{score.low:.3f} to {score.high:.3f}"
        cells = ["-" if value is None else f"{value:.3f}" for value in controls]
        table.add_row(score.name, f"{score.value:.3f}", interval, *cells, str(score.n))
    return table


def plain_cells(*cells: str) -> list[Text]:
    """Cells that are printed as they are: names on the network may hold anything."""
    return [Text("".join(letter if letter.isprintable() else "?" for letter in cell)) for cell in cells]
