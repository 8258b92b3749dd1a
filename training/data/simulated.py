"""Sessions of the simulated participant, ready to fit."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from bci_app.contract.errors import SettingsError
from bci_app.contract.preprocessing import cut_trials
from bci_app.pictures.picture import Picture
from bci_app.pictures.source import builtin
from bci_app.simulation.participant import simulate_session
from training.data.brain import BrainTrials, together
from training.reader_recipe import SimulatedData

SESSIONS = ("training", "test")


def simulate_trials(wanted: SimulatedData, seed: int, size: int) -> BrainTrials:
    """Trials of two sessions, "training" and "test".

    Parameters
    ----------
    wanted : SimulatedData
        Who is recorded, and what is shown.
    seed : int
        Draws the pictures.
    size : int
        Their side in pixels.

    Raises
    ------
    SettingsError
        If a picture came in both sessions: a score would then be that of memory.
    """
    pictures = draw_pictures(wanted, seed, size)
    parts = [_session(wanted, shown, number) for number, shown in enumerate(pictures)]
    return together(parts, f"simulated participant, seed {wanted.participant.seed}")


def draw_pictures(wanted: SimulatedData, seed: int, size: int) -> tuple[tuple[Picture, ...], tuple[Picture, ...]]:
    """Pictures to train and to test on; SettingsError if one came on both sides."""
    source, rng = builtin(wanted.families), np.random.default_rng(seed)
    train, test = source.sample(rng, wanted.n_trials, size), source.sample(rng, wanted.n_test, size)
    shared = {picture.id for picture in train} & {picture.id for picture in test}
    if shared:
        raise SettingsError(
            f"No picture may be trained and tested on; {len(shared)} are on both sides, such as {min(shared)}. "
            "Change the seed, or take fewer pictures."
        )
    return train, test


def _session(wanted: SimulatedData, pictures: tuple[Picture, ...], number: int) -> BrainTrials:
    """One session, in which `pictures` are shown one every ``soa_s`` seconds."""
    participant = wanted.participant.model_copy(update={"session": number})
    onsets = 1.0 + wanted.soa_s * np.arange(len(pictures))
    recording = simulate_session(participant, pictures, onsets)
    spec = wanted.cutting.preprocessing(recording.channels, recording.sfreq)
    trials, _ = cut_trials(recording, spec, wanted.cutting.cut)
    shown, n = {picture.id: picture for picture in pictures}, len(trials)
    ids = tuple(trial.marker.label for trial in trials)
    return BrainTrials(
        windows=np.stack([trial.window.data for trial in trials]),
        preprocessing=spec,
        cut=wanted.cutting.cut,
        pictures=ids,
        labels=tuple(shown[each].label for each in ids),
        runs=("",) * n,
        sessions=(SESSIONS[number],) * n,
        subjects=(f"participant {participant.seed}",) * n,
        images=MappingProxyType({key: picture.image for key, picture in shown.items()}),
        name=recording.name,
    )
