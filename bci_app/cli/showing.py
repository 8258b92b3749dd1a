"""The command ``show``: sentences on the participant's screen, word by word, with markers of their onsets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_app.cli.terminal import Offscreen, out, say

HEIGHT = 0.5
"""Of the square that a word stands in, as a share of the screen's height."""


def show(
    file: Annotated[Path, typer.Argument(help="Text file, one sentence in each line.")],
    soa: Annotated[float | None, typer.Option("--soa", help="Seconds from one word to the next (0.5).")] = None,
    pause: Annotated[float | None, typer.Option("--pause", help="Seconds between two sentences (1.5).")] = None,
    screen: Annotated[
        int | None, typer.Option("--screen", help="The participant's screen, counted from 0 (the second one).")
    ] = None,
    photodiode: Annotated[
        bool, typer.Option("--photodiode", help="A square that is white while a word is on, to measure onsets with.")
    ] = False,
    offscreen: Offscreen = False,
) -> None:
    """Show sentences word by word and send the markers that `record` and `read` want; P pauses, Esc ends."""
    from bci_app.cli.terminal import override
    from bci_app.engine.evolution_settings import Stimulus
    from bci_app.engine.sentence_list import MARKERS, Pace, read_sentences
    from bci_app.engine.settings import parse_settings
    from bci_app.streams.markers import MarkerOutlet
    from bci_app.streams.network import hush
    from bci_app.ui.app import run_sentences

    sentences = read_sentences(file)
    pace = parse_settings(Pace, override({}, soa_s=soa, pause_s=pause), "The command line of show")
    look = {"where": "full-screen", "screen": screen, "height": HEIGHT, "photodiode": photodiode}
    stimulus = parse_settings(Stimulus, look, "The command line of show")
    hush()
    say(f'Sentences begin when somebody listens to their markers: bci-app record --stream NAME --markers "{MARKERS}"')
    with MarkerOutlet(MARKERS, "bci-app-sentences") as markers:
        n_shown = run_sentences(sentences, pace, stimulus, markers, offscreen=offscreen)
    out.print(f"{n_shown} of {len(sentences)} sentences were shown.", markup=False, highlight=False)
