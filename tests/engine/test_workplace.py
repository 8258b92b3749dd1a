"""What is remembered comes back, and nothing that could name a participant is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bci_app.contract.errors import SettingsError
from bci_app.engine.settings import StreamChoice
from bci_app.engine.workplace import Workplace, load_workplace, save_workplace, stream_key

MUSE = StreamChoice(name="Muse", source_id="muse-1", markers="presenter")


def test_what_was_saved_comes_back_equal(tmp_path: Path) -> None:
    kept = Workplace(
        participant="P07", stream=MUSE, decoder=tmp_path / "decoder", appearance="light", page="Decode",
        bad_channels={"muse-1": ("Oz",)},
    )  # fmt: skip
    save_workplace(tmp_path / "new" / "workplace.json", kept)
    assert load_workplace(tmp_path / "new" / "workplace.json") == (kept, "")
    assert not list(tmp_path.glob("new/*.part"))


def test_first_start_needs_no_file(tmp_path: Path) -> None:
    assert load_workplace(tmp_path / "workplace.json") == (Workplace(), "")


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_file_is_for_the_user_alone(tmp_path: Path) -> None:
    save_workplace(tmp_path / "workplace.json", Workplace())
    assert (tmp_path / "workplace.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", '{"appearance": "pink"}', '{"colour": 1}', '{"participant": "Ann Lee"}', "\xff", '{"a":' * 5000],
)
def test_broken_file_is_told_and_kept_aside(tmp_path: Path, text: str) -> None:
    file = tmp_path / "workplace.json"
    file.write_text(text, "latin-1")
    for number in (1, 2):
        file.write_text(text, "latin-1")
        found, told = load_workplace(file)
        aside = tmp_path / f"workplace.broken-{number}.json"
        assert found == Workplace()
        assert str(aside) in told
        assert aside.read_text("latin-1") == text
        assert not file.exists()


def test_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="cannot be written"):
        save_workplace(tmp_path / "file" / "workplace.json", Workplace())


@pytest.mark.parametrize("code", ["Ann Lee", "ann@example.org", "x" * 33, "Jürgen", "P07\n", "../x"])
def test_what_may_be_a_name_is_no_code(code: str) -> None:
    with pytest.raises(SettingsError, match="code"):
        Workplace().changed(participant=code)


def test_bad_channels_belong_to_their_stream() -> None:
    first = Workplace(stream=MUSE)
    first = first.changed(bad_channels=first.with_bad(("Oz", "O1")))
    other = first.changed(stream=StreamChoice(name="Other"))
    assert (first.bad, other.bad) == (("Oz", "O1"), ())
    assert other.changed(stream=MUSE).bad == ("Oz", "O1")
    assert first.with_bad(()) == {}
    assert (stream_key(MUSE), stream_key(StreamChoice(name="Other"))) == ("muse-1", "Other")
    with pytest.raises(SettingsError, match="none is chosen"):
        Workplace().with_bad(("Oz",))


def test_marks_of_many_large_caps_make_no_file_that_the_next_start_refuses(tmp_path: Path) -> None:
    kept, channels = Workplace(), tuple(f"E{number}" for number in range(1024))
    for number in range(90):
        kept = kept.changed(stream=StreamChoice(source_id=f"cap-{number}"))
        kept = kept.changed(bad_channels=kept.with_bad(channels))
    save_workplace(tmp_path / "workplace.json", kept)
    assert load_workplace(tmp_path / "workplace.json") == (kept, "")
    assert kept.bad == channels


@pytest.mark.parametrize(
    "forms",
    [{"Decode": {"Trials": "x" * 4097}}, {"Decode": {str(n): "" for n in range(51)}}, {str(n): {} for n in range(21)}],
)
def test_forms_are_bounded(forms: dict[str, dict[str, str]]) -> None:
    with pytest.raises(SettingsError, match="forms"):
        Workplace().changed(forms=forms)


def test_file_holds_plain_values(tmp_path: Path) -> None:
    save_workplace(tmp_path / "workplace.json", Workplace(stream=MUSE))
    assert json.loads((tmp_path / "workplace.json").read_text())["stream"]["source_id"] == "muse-1"
