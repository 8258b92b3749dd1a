"""All pages share one workplace."""

from __future__ import annotations

from pathlib import Path

import pytest

from bci_app.contract.errors import SettingsError
from bci_app.engine.settings import StreamChoice
from bci_app.engine.workplace import Workplace, load_workplace
from bci_app.ui import theme
from bci_app.ui.pages.page import Holder


def test_choice_is_kept_at_once_and_told_once(tmp_path: Path) -> None:
    holder, told = Holder(tmp_path / "workplace.json"), list[Workplace]()
    holder.changed.connect(told.append)
    holder.choose(participant="P07")
    holder.choose(participant="P07")
    assert [each.participant for each in told] == ["P07"]
    assert load_workplace(tmp_path / "workplace.json") == (holder.current, "")


def test_choice_that_cannot_be_meant_changes_nothing(tmp_path: Path) -> None:
    holder = Holder(tmp_path / "workplace.json")
    before = holder.current
    with pytest.raises(SettingsError, match="code"):
        holder.choose(participant="Ann Lee")
    assert holder.current is before
    assert not (tmp_path / "workplace.json").exists()


def test_disk_that_refuses_loses_no_choice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    holder = Holder(tmp_path / "file" / "workplace.json")
    holder.choose(appearance="light")
    assert holder.colours is theme.LIGHT
    assert "cannot be" in holder.trouble


def test_session_without_a_code_is_refused_with_the_way_out() -> None:
    holder = Holder()
    with pytest.raises(SettingsError, match="Connect"):
        holder.participant()
    holder.choose(participant="P07")
    assert holder.participant() == "P07"


class Playing:
    """A replay of a recording in which Oz is marked bad."""

    stream = StreamChoice(name="Replay of a.fif", source_id="replay-1", bad=("Oz",))
    watermark, code, live = "REPLAY", "replay", True

    def outlets(self) -> None:
        return None

    def ended(self) -> bool:
        return False

    def rewind(self, only_if_ended: bool = False) -> None:
        pass

    def close(self) -> None:
        pass


def test_bad_channels_of_a_recording_are_those_of_its_replay_and_end_with_it() -> None:
    holder, cap = Holder(), StreamChoice(name="Cap", source_id="cap-1")
    holder.choose(stream=cap, bad_channels={"cap-1": ("Fz",)})
    holder.adopt(Playing())
    assert holder.stream().bad == ("Oz",)
    holder.choose(
        bad_channels=holder.current.with_bad(()), stream=Playing.stream.model_copy(update={"markers": "mine"})
    )
    assert holder.stream().bad == ()
    holder.drop()
    assert (holder.current.stream, holder.current.bad_channels) == (cap, {"cap-1": ("Fz",)})


def test_what_is_remembered_is_the_stream_that_will_be_there_again(tmp_path: Path) -> None:
    """A replay ends with the program, however that ends."""
    file, cap = tmp_path / "workplace.json", StreamChoice(name="Cap", source_id="cap-1")
    holder = Holder(file)
    holder.choose(stream=cap)
    holder.adopt(Playing())
    assert holder.current.stream == Playing.stream
    assert load_workplace(file)[0].stream == cap
