"""A session that shows pictures, reads and records them: ``python -m tests.benchmarks.picture_session_worker FOLDER ID``.

ID is the source_id of the counting stream. Runs in a window without a display until it is told to end, or killed. The
decoder that `prepare` makes lies beside FOLDER, the recording in FOLDER/record.
"""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import uuid4

import numpy as np

from bci_app.bundles import shipped
from bci_app.contract.windowing import TrialSpec
from bci_app.engine.demo import endless
from bci_app.engine.plan import Outlets, SessionPlan
from bci_app.engine.session import Session
from bci_app.engine.settings import Presentation, SessionSettings, StreamChoice
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.pictures.source import builtin
from bci_app.streams.markers import MarkerOutlet
from bci_app.ui.app import run_window
from tests.benchmarks.counter_process import CHANNELS, SFREQ
from tests.tiny import tiny_decoder

CUT = TrialSpec(start_s=0.0, stop_s=0.25)


def prepare(folder: Path) -> None:
    """Make a decoder of the counting stream, for the generator that comes with the program, in `folder`."""
    generator = Generator.open(shipped("pictures64"), "cpu")
    dim = generator.latent_space.dim
    tiny_decoder(folder / "decoder", generator.bundle, CHANNELS, SFREQ, CUT, decimation=4, dim=dim)


def plan(decoder: Path, record: Path, source_id: str) -> SessionPlan:
    """Two or three pictures a second, without end."""
    generator = Generator.open(shipped("pictures64"), "cpu")
    settings = SessionSettings(
        stream=StreamChoice(source_id=source_id), presentation=Presentation(n_trials=2000, soa_s=0.4, show_s=0.3)
    )
    pictures = endless(builtin(), np.random.default_rng(0), generator.image_size, set())
    outlets = Outlets(MarkerOutlet("worker markers", uuid4().hex))
    opened = Decoder.open(decoder, generator, "cpu")
    return SessionPlan(settings, "pictures", opened, generator, pictures, outlets, record)


def main(folder: str, source_id: str) -> int:
    """Run until the window is closed."""
    record = Path(folder) / "record"
    record.mkdir()
    return run_window(Session(plan(Path(folder).parent / "decoder", record, source_id)), offscreen=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
