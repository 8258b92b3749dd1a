"""Settings from files: defaults, and one sentence about everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.contract.errors import SettingsError
from bci_app.engine.settings import DemoSettings, SessionSettings, parse_settings, read_settings

ROOT = Path(__file__).parents[2]


def from_text(folder: Path, text: str, kind: type = SessionSettings) -> object:
    path = folder / "settings.yaml"
    path.write_text(text, "utf-8")
    return read_settings(kind, path)


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_no_file_and_an_empty_file_are_the_defaults(tmp_path: Path, text: str) -> None:
    assert read_settings(SessionSettings, None) == SessionSettings()
    assert from_text(tmp_path, text) == SessionSettings()
    assert read_settings(DemoSettings, None).session.presentation is not None


def test_values_of_the_file_are_taken(tmp_path: Path) -> None:
    text = "stream: {name: Muse, give_up_s: 5}\npresentation: {n_trials: 7, families: [letters]}\nseed: 3\n"
    settings = from_text(tmp_path, text)
    assert isinstance(settings, SessionSettings)
    assert (settings.stream.name, settings.stream.give_up_s, settings.seed) == ("Muse", 5.0, 3)
    assert settings.presentation is not None
    assert settings.presentation.families == ("letters",)


def test_settings_survive_their_own_json() -> None:
    settings = DemoSettings()
    assert parse_settings(DemoSettings, settings.model_dump(mode="json"), "itself") == settings
    assert parse_settings(DemoSettings, settings.model_dump(), "itself") == settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("strem: {}", ("strem", "Extra inputs")),
        ("stream: {nam: x}", ("stream.nam",)),
        (
            "stream: {give_up_s: -1}\nseed: x",
            ("stream.give_up_s", "greater than or equal to 1", "got -1", "seed", "'x'"),
        ),
        ("device: tpu", ("device", "'auto', 'cpu' or 'gpu'", "'tpu'")),
        ("presentation: {n_trials: 1}", ("presentation.n_trials", "got 1")),
        ("presentation: {families: [houses]}", ("families.0", "houses")),
        ("- 1\n- 2", ("all of it", "[1, 2]")),
        ("just words", ("all of it", "just words")),
        ("device: " + "x" * 4000, ("device", "xxx...xxx")),
    ],
)
def test_each_wrong_key_is_named_with_what_came(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError) as caught:
        from_text(tmp_path, text)
    message = str(caught.value)
    for word in (*words, "settings.yaml", "Correct"):
        assert word in message
    assert "\n" not in message
    assert len(message) < 700


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("presentation: {soa_s: 0.5, show_s: 0.9}", "must leave before the next one comes"),
        ("{device: cpu, require_gpu: true}", "require_gpu asks for the GPU while device says 'cpu'"),
    ],
)
def test_values_that_exclude_each_other_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        from_text(tmp_path, text)


def test_the_demo_must_show_pictures(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="The demo shows pictures"):
        from_text(tmp_path, "session: {presentation: null}", DemoSettings)


@pytest.mark.parametrize(
    "content", [b"a: [1", b"\xff\xfe\xfa", b"a: !!python/object:os.system x", b"[" * 3000, b"a: 2024-13-45"]
)
def test_what_is_not_yaml_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(SettingsError, match="must be YAML") as caught:
        read_settings(SessionSettings, tmp_path / "a.yaml")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(SettingsError, match=r"cannot be read.*Check the path"):
            read_settings(SessionSettings, path)


@pytest.mark.parametrize(
    ("name", "kind"), [("demo", DemoSettings), ("run", SessionSettings), ("calibrate", CalibrationRecipe)]
)
def test_the_settings_that_come_with_the_program_are_the_defaults(name: str, kind: type[BaseModel]) -> None:
    assert read_settings(kind, ROOT / "configs" / "app" / f"{name}.yaml") == kind()
