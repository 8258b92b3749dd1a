"""Pictures in the stimulus window of a real session, counted: ``python -m tests.benchmarks.evolution_onsets_worker JSON FILE``.

Needs a display; `bench_evolution_onsets` gives it a virtual one.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from bci_app.engine.events import Event, ShowPicture
from bci_app.engine.evolution_demo import EvolutionDemoSettings, evolution_demo_plan
from bci_app.engine.evolution_plan import EvolutionPlan, open_evolution
from bci_app.engine.evolution_session import EvolutionSession
from bci_app.engine.evolution_settings import References, Stimulus, Timing, UnitResponse
from bci_app.streams.network import loopback_config, use_config
from bci_app.ui.app import run_window

CHANNELS = (
    "P9", "P7", "P5", "P3", "P1", "Pz", "P2", "P4", "P6", "P8", "P10", "PO7", "PO3", "POz", "PO4", "O1", "Oz", "O2",
)  # fmt: skip
POPULATION, REFERENCES = 24, 1


@dataclass(frozen=True, slots=True)
class Condition:
    """How often pictures come, how many at the least, and whether the signal is painted beside them."""

    rate_hz: float
    n_pictures: int
    with_signal: bool

    @property
    def name(self) -> str:
        return f"{self.rate_hz:g} pictures a second, {'signal view painting' if self.with_signal else 'no signal view'}"


class Counted(EvolutionSession):
    """A session that notes what it asked the window for, and what the window said."""

    def __init__(self, plan: EvolutionPlan) -> None:
        super().__init__(plan)
        self.due: dict[int, float] = {}
        self.painted: dict[int, float] = {}

    def start(self, on_event: Callable[[Event], None]) -> None:
        def note(event: Event) -> None:
            if isinstance(event, ShowPicture):
                self.due[event.trial] = event.due_s
            on_event(event)

        super().start(note)

    def picture_shown(self, trial: int, picture_id: str, at_s: float) -> None:
        self.painted[trial] = at_s
        super().picture_shown(trial, picture_id, at_s)


@contextmanager
def plan_of(condition: Condition, folder: Path) -> Iterator[EvolutionPlan]:
    """The demo, at this rate and full screen; without signal a unit of the classifier answers."""
    demo, soa_s = EvolutionDemoSettings(), 1 / condition.rate_hz
    evolution = demo.evolution.model_copy(
        update={
            "timing": Timing(show_s=0.6 * soa_s, blank_s=0.4 * soa_s, jitter_s=0.0),
            "stimulus": Stimulus(where="full-screen"),
            "optimiser": demo.evolution.optimiser.model_copy(update={"population": POPULATION}),
            "references": References(n_natural=REFERENCES, n_prior=0),
            "n_generations": -(-condition.n_pictures // (POPULATION + REFERENCES)),
        }
    )
    if not condition.with_signal:
        yield open_evolution(evolution.model_copy(update={"response": UnitResponse()}), "onsets", None)
        return
    response = evolution.response.model_copy(update={"channels": CHANNELS})
    settings = EvolutionDemoSettings(
        participant=demo.participant, evolution=evolution.model_copy(update={"response": response})
    )
    with evolution_demo_plan(settings, folder, lambda done, total, text: None) as plan:
        yield plan


def main(condition: str, file: str) -> int:
    """Show the pictures and write what became of each."""
    use_config(loopback_config(f"bench-{uuid4().hex}"))
    wanted = Condition(**json.loads(condition))
    with tempfile.TemporaryDirectory() as folder, plan_of(wanted, Path(folder)) as plan:
        session = Counted(plan)
        status = run_window(session, close_when_finished=True, screenshot=Path(file).with_suffix(".png"))
    row = session.onsets.row()
    figures = {
        "condition": asdict(wanted),
        "ended": session.ended.reason if session.ended else "",
        "problems": session.problems,
        "asked": len(session.due),
        "painted": len(session.painted),
        "never": row.never,
        "refresh_hz": row.refresh_hz,
        "delays_s": [at_s - session.due[trial] for trial, at_s in session.painted.items()],
        "gaps": session.counts.get("gaps", 0),
    }
    Path(file).write_text(json.dumps(figures), "utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
