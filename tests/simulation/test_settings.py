from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from bci_app.contract.errors import SettingsError
from bci_app.simulation.settings import ParticipantSettings, make_settings, read_settings


def test_settings_survive_the_way_through_json_text_and_file(tmp_path: Path) -> None:
    settings = ParticipantSettings(seed=3, sfreq=500.0, line_hz=60.0)
    file = tmp_path / "participant.json"
    file.write_text(settings.model_dump_json())
    assert read_settings(settings.model_dump_json()) == settings == read_settings(str(file))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ParticipantSettings().seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"sfreq": 0.0}, "sfreq"),
        ({"n_channels": 2}, "n_channels"),
        ({"pink_uv": -1.0}, "pink_uv"),
        ({"snr": float("nan")}, "snr"),
        ({"noise": 1}, "noise"),
        ({"sfreq": 110.0, "line_hz": 58.0}, "line_hz must be below half of sfreq"),
        ({"seed": -1, "chunk": 0}, "seed.*chunk"),
    ],
)
def test_impossible_settings_are_refused_by_name(values: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        make_settings(**values)


@pytest.mark.parametrize("text", ["{", "/absent/participant.json", '{"seed": "many"}'])
def test_unreadable_settings_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"Participant settings"):
        read_settings(text)
