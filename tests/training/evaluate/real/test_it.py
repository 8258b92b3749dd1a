"""Objects from spikes of neurons that were recorded one at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.evaluate.real import it


def _rasters(folder: Path, n_repeats: int, tuned: bool) -> Path:
    """Six neurons, each fires more for one of two objects if they are tuned."""
    rng = np.random.default_rng(0)
    stims = np.array(["face", "car", "face", "car"] * n_repeats)
    places = np.array(["left", "left", "right", "right"] * n_repeats)
    content: dict[str, object] = {"names": [f"n{each}" for each in range(6)], "n_ms": 1000, "onset_ms": 501}
    for cell in range(6):
        often = (stims == ("face", "car")[cell % 2]) & tuned
        spikes = rng.random((len(stims), 1000)) < np.where(often, 0.06, 0.01)[:, None]
        content |= {
            f"n{cell:03d}_spk": np.packbits(spikes, axis=1),
            f"n{cell:03d}_stim": stims,
            f"n{cell:03d}_pos": places,
        }
    np.savez(folder / "a.npz", **content)  # type: ignore[arg-type]
    return folder


@pytest.mark.parametrize("n_repeats", [4, 12])
def test_tuned_neurons_tell_the_object(tmp_path: Path, n_repeats: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(it, "N_DRAWS", 2)
    told = []
    found = it.measure(_rasters(tmp_path, n_repeats, tuned=True), lambda *each: told.append(each))
    assert found.value > 0.95
    assert found.baseline > 0.9
    assert found.chance == 0.5
    assert max(found.noise, found.shuffled) < 0.8
    assert len(found.finding) == 2 + 2  # both accuracies over draws, and each draw
    assert found.finding[0].score.held_out == f"{min(n_repeats, 10)} folds by repeat"
    assert [done for done, _, _ in told] == [0, 1, 2]


def test_neurons_that_are_not_tuned_tell_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(it, "N_DRAWS", 1)
    found = it.measure(_rasters(tmp_path, 12, tuned=False))
    assert 0.2 < found.value < 0.8
    assert not found.finding[0].shows_reading
