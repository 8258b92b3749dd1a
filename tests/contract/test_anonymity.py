"""What names a person or a device is not kept; everything else is, as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bci_app.contract.anonymity import nameless
from bci_app.contract.manifest import Provenance
from bci_app.engine.reopening import report_again
from bci_app.engine.session_file import begin_session, end_session, read_session, update_session


@pytest.fixture
def _anna(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program is run by somebody called anna."""
    monkeypatch.setattr(Path, "home", lambda: Path("/home/anna"))
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "anna")


@pytest.mark.usefixtures("_anna")
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/home/anna/bundles/P07", "~/bundles/P07"),
        ("/home/anna", "~"),
        ("'/home/anna/a b' cannot be read. See /home/anna.", "'~/a b' cannot be read. See ~."),
        ("/home/annabel/x and /home/anna.smith/x", "/home/annabel/x and /home/anna.smith/x"),
        ("/media/anna/DISK/P07", "/media/~/DISK/P07"),
        (r"D:\data\anna\P07", r"D:\data\~\P07"),
        ("shown/anna", "shown/anna"),
        ("/srv/models/faces", "/srv/models/faces"),
    ],
)
def test_home_and_user_are_left_out_of_paths_and_of_nothing_else(text: str, kept: str) -> None:
    assert nameless(text) == kept


@pytest.mark.usefixtures("_anna")
def test_what_a_session_keeps_tells_no_home_and_no_serial_number(tmp_path: Path) -> None:
    stream = {"name": "Amplifier", "source_id": "UN-2024.11.07", "bad": ["Oz"]}
    settings = {"stream": stream, "decoder": "/home/anna/P07", "seed": 3, "limits": [0.5, None, True]}
    begin_session(tmp_path, {"kind": "signal", "title": "t", "participant": "P07", "settings": settings})
    update_session(tmp_path, notes=["Read from /home/anna/x."])
    end_session(tmp_path, None)
    text = (tmp_path / "session.json").read_text("utf-8")
    assert "anna" not in text
    assert "UN-2024" not in text
    told = read_session(tmp_path)["settings"]
    assert told == json.loads(json.dumps(settings | {"decoder": "~/P07", "stream": stream | {"source_id": None}}))


@pytest.mark.usefixtures("_anna")
def test_the_page_of_what_an_older_program_kept_names_nobody_either(tmp_path: Path) -> None:
    begin_session(tmp_path, {"kind": "signal", "title": "t", "participant": "P07"})
    end_session(tmp_path, None)
    summary = {"title": "t", "ended": "It ended.", "counts": {}, "stream": "s", "versions": {}, "kind": "signal"}
    told = {"problems": ["'/home/anna/x' is full."], "settings": {"source_id": "UN-2024", "model": "/home/anna/m"}}
    (tmp_path / "summary.json").write_text(json.dumps(summary | told))
    page = report_again(tmp_path).read_text("utf-8")
    assert "is full." in page
    for personal in ("anna", "UN-2024"):
        assert personal not in page


@pytest.mark.usefixtures("_anna")
def test_a_bundle_tells_how_it_was_made_and_in_whose_folders_it_was_not() -> None:
    simulated = {"source_id": "bci-app-simulated-participant"}
    files = {"files": ["/home/anna/zuco/resultsZAB_SR.mat"], "participant": simulated, "seed": 1}
    told = {"created": "2026-11-26", "commit": "0" * 40, "licence": "BSD-3-Clause", "versions": {"torch": "2.13.0"}}
    made = Provenance(command="train_text /home/anna/r.yaml", recipe=files, data=("/home/anna/zuco",), **told)
    kept = {"files": ["~/zuco/resultsZAB_SR.mat"], "participant": simulated, "seed": 1}
    assert made == Provenance(command="train_text ~/r.yaml", recipe=kept, data=("~/zuco",), **told)
    assert made.recipe == kept  # whole, so that it can be followed
    assert Provenance.model_validate_json(made.model_dump_json()) == made


def test_a_user_without_home_and_name_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> None:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", unknown)
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(OSError("no name")))
    assert nameless({"a": ["/home/anna", 1.5]}) == {"a": ["/home/anna", 1.5]}
