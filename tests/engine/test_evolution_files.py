"""A run on disk: what is kept goes on to the bit, and what is broken, foreign or newer is refused in words."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.bundle import pack_arrays, read_arrays
from bci_app.contract.errors import BciError, RecordingError, SettingsError
from bci_app.contract.lines import read_lines
from bci_app.engine import evolution_files
from bci_app.engine.evolution_files import RunFiles, as_json, write_whole
from bci_app.engine.evolution_plan import EvolutionPlan
from bci_app.engine.evolution_responder import PictureResponder
from bci_app.engine.evolution_resume import Resumed, read_evolution, saved_settings
from bci_app.engine.evolution_run import EvolutionRun
from bci_app.engine.evolution_settings import EvolutionSettings, References, UnitResponse
from bci_app.engine.evolution_showing import NEVER_PAINTED
from bci_app.evolution.genetic import Genetic
from bci_app.evolution.optimisers import AnyOptimiser
from bci_app.evolution.spherical import SphericalCMA
from bci_app.evolution.strategies import DiagonalCMA
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import make_picture
from tests.tiny import SIZE, tiny_generator

NATURAL = (make_picture(np.full((SIZE, SIZE, 3), 90, np.uint8), "grey", "90"),)


def new_plan(generator: Generator, optimiser: AnyOptimiser | None = None, **more: Any) -> EvolutionPlan:
    settings = EvolutionSettings(
        response=UnitResponse(),
        optimiser=optimiser or Genetic(population=4),
        references=References(n_prior=1),
        n_generations=9,
        **more,
    )
    responder = PictureResponder("brightness", "", "", {"kind": "test"}, lambda image, rng: float(image.mean()))
    return EvolutionPlan(settings, "a test", generator, responder, NATURAL)


def play(plan: EvolutionPlan, folder: Path, n_generations: int, resumed: Resumed | None = None) -> EvolutionRun:
    """A run that is kept for so many generations, and then half a generation more that is not."""
    more = {} if resumed is None else {
        "state": resumed.state, "history": resumed.history, "first_number": resumed.first_number, "counts": resumed.counts
    }  # fmt: skip
    if resumed is None:
        files = RunFiles.begin(plan, folder)
    else:
        files = RunFiles.go_on(plan, folder, resumed.about, resumed.state.generation)
    run = EvolutionRun(plan.settings, plan.generator, plan.references, files.note, **more)
    if resumed is None:
        files.keep(run.state, None, run.pictures)
    for _ in range(n_generations):
        show(run)
        result = run.advance()
        files.keep(run.state, result, run.pictures)
    show(run, at_most=3)
    files.close()
    return run


def show(run: EvolutionRun, at_most: int = 1000) -> None:
    while run.upcoming is not None and at_most:
        showing = run.take(1.0)
        run.shown(showing.number, 1.01)
        run.answer(showing.number, showing.picture.id, float(showing.picture.image.mean()))
        at_most -= 1


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, generator: Generator) -> Path:
    """A run that was killed in its third generation."""
    folder = tmp_path_factory.mktemp("killed")
    play(new_plan(generator), folder, 2)
    return folder


@pytest.fixture
def kept(tmp_path: Path, killed: Path) -> Path:
    """The same, to be spoilt."""
    return Path(shutil.copytree(killed, tmp_path / "run"))


@pytest.mark.parametrize(
    "optimiser", [Genetic(population=4, n_conserve=1), DiagonalCMA(population=4), SphericalCMA(population=4)]
)
def test_a_killed_run_goes_on_as_if_it_had_not_been(
    tmp_path: Path, generator: Generator, optimiser: AnyOptimiser
) -> None:
    plan = new_plan(generator, optimiser)
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole = play(plan, tmp_path / "whole", 5)
    play(plan, tmp_path / "killed", 2)
    resumed = play(plan, tmp_path / "killed", 3, read_evolution(plan, tmp_path / "killed"))
    np.testing.assert_array_equal(resumed.state.codes, whole.state.codes)
    assert [p.id for p in resumed.pictures.kinds] == [p.id for p in whole.pictures.kinds]
    for field in ("mean", "low", "high"):
        np.testing.assert_array_equal(
            getattr(resumed.history.curves.evolved, field), getattr(whole.history.curves.evolved, field)
        )
    best, other = resumed.history.best, whole.history.best
    assert best is not None
    assert other is not None
    assert (best.id, best.score) == (other.id, other.score)
    for one, two in zip(resumed.history.results, whole.history.results, strict=True):
        np.testing.assert_array_equal(one.average, two.average)
    ours, theirs = (dict(read_arrays((tmp_path / name / "generations" / "g0005.npz").read_bytes(), "it"))
                    for name in ("killed", "whole"))  # fmt: skip
    for name in set(theirs) - {"about"}:
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_every_presentation_stands_in_one_line_with_a_number_of_its_own(kept: Path, generator: Generator) -> None:
    plan = new_plan(generator)
    with (kept / "responses.jsonl").open("ab") as file:
        file.write(b'{"number": 15, "generat')
    play(plan, kept, 1, read_evolution(plan, kept))
    lines = read_lines(kept / "responses.jsonl")
    assert [line["number"] for line in lines] == list(range(6 * 2 + 3 + 6 + 3))
    assert {line["generation"] for line in lines[12:21]} == {2}
    assert lines[0].keys() == {
        "number", "generation", "id", "kind", "repeat", "attempt", "again", "due_s", "onset_s", "response", "became",
        "why",
    }  # fmt: skip
    assert (lines[0]["due_s"], lines[0]["onset_s"]) == (1.0, 1.01)


def test_counts_and_delays_of_a_run_go_on_when_it_is_resumed(kept: Path, generator: Generator) -> None:
    plan = new_plan(generator)
    resumed = read_evolution(plan, kept)
    assert (resumed.counts["shown"], resumed.counts["answered"], resumed.n_never) == (15, 15, 0)
    np.testing.assert_allclose(resumed.delays, 15 * [0.01])
    files = RunFiles.go_on(plan, kept, resumed.about, 2)
    run = EvolutionRun(
        plan.settings, generator, plan.references, files.note, state=resumed.state, counts=resumed.counts
    )
    run.withdraw(run.take(1.0).number, NEVER_PAINTED)
    for number in (run.take(1.0).number, run.take(1.0).number):
        run.shown(number, 1.5)
        run.withdraw(number, "spoilt")
    show(run)
    files.close()
    again = read_evolution(plan, kept)
    assert {name: again.counts[name] for name in run.counts} == run.counts
    assert (again.counts["missing"], again.counts["shown_again"], again.n_never) == (2, 2, 1)
    assert len(again.delays) == again.counts["shown"] == 15 + 2 + 6


def test_the_folder_says_which_run_it_is_and_holds_its_pictures(kept: Path, generator: Generator) -> None:
    plan = new_plan(generator)
    about = json.loads((kept / "session.json").read_text("utf-8"))
    assert about["identity"]["generator"] == generator.latent_space.generator_sha256
    assert about["generator"]["digest"] == generator.bundle.digest
    assert saved_settings(kept) == plan.settings
    shown = {path.stem for path in (kept / "pictures").glob("*.png")}
    labels = {f"g{g:03d}-{name}" for g in range(3) for name in ("m00", "m01", "m02", "m03", "p00")}
    assert shown == {*labels, NATURAL[0].id.replace("/", "_")}
    state = read_evolution(plan, kept).state
    image = np.asarray(Image.open(kept / "pictures" / "g002-m03.png"))
    np.testing.assert_array_equal(image, generator.generate(state.codes)[3])


@pytest.mark.parametrize("blind", [True, False])
def test_only_a_blind_run_has_a_file_that_tells_whether_it_is_a_sham(
    tmp_path: Path, generator: Generator, blind: bool
) -> None:
    play(new_plan(generator, sham="blind" if blind else "on"), tmp_path, 0)
    assert (tmp_path / "sham.json").exists() == blind


@pytest.mark.parametrize("spoil", [lambda content: content[:-40], lambda content: b"", lambda content: b"no zip"])
def test_a_broken_newest_state_is_passed_over_and_told(kept: Path, generator: Generator, spoil: Any) -> None:
    path = kept / "generations" / "g0002.npz"
    path.write_bytes(spoil(path.read_bytes()))
    resumed = read_evolution(new_plan(generator), kept)
    assert resumed.state.generation == len(resumed.history.results) == 1
    assert len(resumed.notes) == 1
    assert "'g0002.npz' cannot be read" in resumed.notes[0]
    assert "one generation is shown again" in resumed.notes[0]


def test_a_broken_state_further_back_is_missing_in_the_curves_alone(kept: Path, generator: Generator) -> None:
    (kept / "generations" / "g0001.npz").unlink()
    resumed = read_evolution(new_plan(generator), kept)
    assert resumed.state.generation == 2
    np.testing.assert_array_equal(resumed.history.curves.generations, [1])
    assert "generation 0 is lost to the curves" in resumed.notes[0]


def change(path: Path, **changes: Any) -> None:
    """Write a state that says something else of itself."""
    arrays = read_arrays(path.read_bytes(), "it")
    about = {**json.loads(arrays.pop("about").tobytes()), **changes}
    path.write_bytes(pack_arrays(about=np.frombuffer(as_json(about), np.uint8), **arrays))


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"run": "another"}, RecordingError, "of run another. Take the foreign file away"),
        ({"generation": 7}, RecordingError, "it is generation 7"),
        ({"format": 2}, RecordingError, "format version 2; this program reads up to 1"),
        ({"seed": 5}, SettingsError, "of another one"),
        ({"optimiser": {"kind": "random", "population": 4}}, SettingsError, "must be of the optimiser"),
        ({"space": {"dim": 6, "truncation": 1.0, "generator_sha256": "a"}}, SettingsError, "latent space"),
    ],
)
def test_a_foreign_state_is_refused(
    kept: Path, generator: Generator, changes: dict[str, Any], kind: type[BciError], words: str
) -> None:
    change(kept / "generations" / "g0002.npz", **changes)
    with pytest.raises(kind, match=words):
        read_evolution(new_plan(generator), kept)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"seed": 1}, "seed was 0, is 1"),
        ({"repeats": 2}, "number of repeats was 1, is 2"),
        ({"sham": "on"}, 'sham mode was "off", is "on"'),
        ({"optimiser": Genetic(population=5)}, "optimiser was"),
    ],
)
def test_a_run_is_not_resumed_as_another_one(
    kept: Path, generator: Generator, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        read_evolution(new_plan(generator, **more), kept)


def test_a_run_is_not_resumed_with_another_generator_or_response(
    kept: Path, generator: Generator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Generator.open(tiny_generator(tmp_path_factory.mktemp("other") / "tiny", seed=1))
    with pytest.raises(SettingsError, match="another one: generator was"):
        read_evolution(new_plan(other), kept)
    plan = new_plan(generator)
    plan.responder = PictureResponder("else", "", "", {"kind": "else"}, lambda image, rng: 0.0)
    with pytest.raises(SettingsError, match="another one: response was"):
        read_evolution(plan, kept)


def test_the_home_folder_is_not_kept_and_the_run_goes_on_in_it(
    tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "anna"))
    plan = new_plan(generator)
    stream = plan.settings.stream.model_copy(update={"source_id": "UN-2024"})
    faces = tmp_path / "anna" / "faces"
    plan.settings = plan.settings.model_copy(update={"generator": faces, "stream": stream})
    (tmp_path / "run").mkdir()
    RunFiles.begin(plan, tmp_path / "run").close()
    kept = (tmp_path / "run" / "session.json").read_text("utf-8")
    assert ("anna" in kept, '"~/faces"' in kept) == (False, True)
    assert saved_settings(tmp_path / "run") == plan.settings


def test_settings_that_make_no_other_run_of_it_may_change(kept: Path, generator: Generator) -> None:
    plan = new_plan(generator)
    plan.settings = plan.settings.model_copy(update={"n_generations": 20, "shown_again": 5})
    play(plan, kept, 1, read_evolution(plan, kept))
    assert saved_settings(kept).n_generations == 20
    about = json.loads((kept / "session.json").read_text("utf-8"))
    assert [each["generation"] for each in about["resumed"]] == [2]


@pytest.mark.parametrize("content", [None, "no json", "[]", '{"format": 1}', '{"format": 9, "run": "a"}'])
def test_a_folder_without_a_run_is_refused(tmp_path: Path, generator: Generator, content: str | None) -> None:
    if content is not None:
        (tmp_path / "session.json").write_text(content, "utf-8")
    with pytest.raises(RecordingError, match=r"session.json"):
        read_evolution(new_plan(generator), tmp_path)


def test_a_run_none_of_whose_states_can_be_read_is_refused(kept: Path, generator: Generator) -> None:
    shutil.rmtree(kept / "generations")
    with pytest.raises(RecordingError, match="none of the 0 in"):
        read_evolution(new_plan(generator), kept)


def test_a_new_run_is_not_written_over_an_old_one(kept: Path, generator: Generator) -> None:
    before = (kept / "session.json").read_bytes()
    with pytest.raises(RecordingError, match="holds a run already"):
        RunFiles.begin(new_plan(generator), kept)
    assert (kept / "session.json").read_bytes() == before


def test_a_full_disk_leaves_the_last_state_and_no_half_one(
    kept: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = new_plan(generator)
    resumed = read_evolution(plan, kept)
    before = sorted((path.name, path.read_bytes()) for path in (kept / "generations").iterdir())

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    files = RunFiles.go_on(plan, kept, resumed.about, 2)
    run = EvolutionRun(plan.settings, generator, plan.references, state=resumed.state, history=resumed.history)
    show(run)
    result = run.advance()
    monkeypatch.setattr(evolution_files.os, "fsync", full)
    with pytest.raises(RecordingError, match=r"g0003.npz'; writing failed: No space left .*then resume"):
        files.keep(run.state, result, run.pictures)
    files.close()
    assert sorted((path.name, path.read_bytes()) for path in (kept / "generations").iterdir()) == before
    assert read_evolution(plan, kept).state.generation == 2


def test_a_file_is_whole_or_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.json"
    write_whole(path, b"old")
    monkeypatch.setattr(evolution_files.os, "replace", lambda draft, path: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(RecordingError):
        write_whole(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["file.json"]
    assert path.read_bytes() == b"old"
