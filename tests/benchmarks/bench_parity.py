"""Offline against live: preprocessing at any chunking, and latents of recordings replayed over LSL."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from uuid import uuid4

import numpy as np

from bci_app.bundles import shipped
from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor
from bci_app.contract.signal import Recording
from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.engine.live_image import Reader
from bci_app.engine.offline import read_offline
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.pictures.source import builtin
from bci_app.simulation.participant import simulate_session
from bci_app.simulation.settings import ParticipantSettings
from bci_app.streams.network import loopback_config, use_config
from bci_app.streams.recordings import read_recording, write_recording
from tests.benchmarks.results import Row, publish
from tests.parity.live import replayed
from tests.tiny import tiny_decoder

SHARED = Path(__file__).parents[3] / "shared" / "data"


def preprocessing_difference(recording: Recording) -> dict[str, float]:
    """Largest difference from the whole recording at once, by chunking."""
    spec = PreprocessingSpec.design(recording.channels, recording.sfreq, (1.0, 40.0), 50.0, decimation=2)

    def run(sizes: object) -> np.ndarray:
        preprocessor = Preprocessor(spec)
        return np.concatenate([preprocessor.process(chunk).data for chunk in recording.chunks(sizes)], axis=1)

    whole = run(None)
    random_sizes = np.random.default_rng(0).integers(1, 300, recording.n_times).tolist()
    return {
        name: float(np.abs(run(sizes) - whole).max()) for name, sizes in (("1", 1), ("7", 7), ("random", random_sizes))
    }


def latent_difference(
    path: Path, recording: Recording, cut: TrialSpec | WindowSpec, folder: Path
) -> tuple[float, int, int]:
    """Largest difference of a latent, windows compared, windows offline."""
    generator = Generator.open(shipped("pictures64"), "cpu")
    bundle = tiny_decoder(
        folder / uuid4().hex, generator.bundle, recording.channels, recording.sfreq, cut, dim=generator.latent_space.dim
    )
    decoder = Decoder.open(bundle, generator, "cpu")
    offline = read_offline(recording, Reader(decoder, generator, lambda: 0.0))
    live = replayed(path, decoder, generator, seed=3, speed=2.0)
    by_start = {window.first_sample: latent for window, latent in zip(offline.windows, offline.latents, strict=True)}
    differences = [np.abs(result.latent - by_start[result.first_sample]).max() for result in live]
    return float(max(differences)), len(differences), len(offline.windows)


def recordings(folder: Path) -> list[tuple[str, Path]]:
    """A simulated session with markers, and a real one where the shared data lie beside the checkout."""
    pictures = builtin().sample(np.random.default_rng(0), 50, 64)
    simulated = simulate_session(ParticipantSettings(), pictures, 1 + 1.0 * np.arange(50))
    write_recording(simulated, folder / "simulated.npz")
    found = [("simulated participant, 64 channels", folder / "simulated.npz")]
    real = SHARED / "muse-n170" / "sub-1_ses-1_run-1_eeg.fif"
    return found + ([("Muse N170, 4 channels, FIF", real)] if real.is_file() else [])


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    use_config(loopback_config(f"parity-{uuid4().hex}"))
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, path in recordings(folder):
            recording = read_recording(path)
            for chunking, difference in preprocessing_difference(recording).items():
                rows.append(
                    Row(
                        f"{what}: preprocessing, chunks {chunking} against whole",
                        f"{difference}",
                        "0.0",
                        difference == 0.0,
                    )
                )
            cuts: list[tuple[str, TrialSpec | WindowSpec]] = [
                ("sliding", WindowSpec(window_s=0.5, hop_s=0.25)),
                ("trials", TrialSpec(start_s=-0.1, stop_s=0.6, baseline_s=(-0.1, 0.0))),
            ]
            for kind, cut in cuts:
                difference, n_live, n_offline = latent_difference(path, recording, cut, folder)
                measured = f"{difference:.2g} over {n_live} of {n_offline}"
                rows.append(Row(f"{what}: latents over LSL, {kind}", measured, "<= 1e-5", difference <= 1e-5))
    return int(not publish("parity", rows))


if __name__ == "__main__":
    sys.exit(main())
