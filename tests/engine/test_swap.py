"""Models exchanged while a session runs: between two windows, without a sample lost, and only for what reads the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.contract.signal import Marker, Trial, Window
from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.engine.events import Event, ModelsChanged, ModelsRefused, Problem, TrialRead
from bci_app.engine.live_image import Reader, Shown
from bci_app.engine.plan import SessionPlan
from bci_app.engine.session import Session
from bci_app.engine.settings import SessionSettings, StreamChoice
from bci_app.engine.swap import Models, _figure, check_exchange, find_decoders
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.pictures.source import builtin
from bci_app.streams.markers import MarkerOutlet
from bci_app.streams.run_folder import read_run
from tests.engine.conftest import CHANNELS, SFREQ, Clock, until
from tests.sender import Sender
from tests.tiny import tiny_decoder, tiny_generator

CUT = TrialSpec(start_s=0.0, stop_s=0.5)
SLIDING = WindowSpec(window_s=0.5, hop_s=0.1)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory, generator: Generator) -> Path:
    """Decoders of the same kind under other weights, sliding and of trials, and one for another generator."""
    folder = tmp_path_factory.mktemp("bundles")
    for name, cut, seed in (("one", SLIDING, 1), ("two", SLIDING, 2), ("trials", CUT, 3)):
        tiny_decoder(folder / name, generator.bundle, CHANNELS, SFREQ, cut, seed=seed)
    other = tiny_generator(folder / "generator", seed=9)
    tiny_decoder(folder / "other", other, CHANNELS, SFREQ, CUT, seed=4)
    return folder


@pytest.fixture(scope="module")
def sliding(
    bundles: Path, generator: Generator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Session, list[Event], Sender]]:
    """A session of sliding windows on a running stream, recorded; the last test that uses it stops it."""
    events: list[Event] = []
    with Sender(CHANNELS, SFREQ) as sender:
        plan = SessionPlan(
            SessionSettings(stream=StreamChoice(source_id=sender.source_id)),
            "swap",
            Decoder.open(bundles / "one", generator),
            generator,
            folder=tmp_path_factory.mktemp("sliding"),
        )
        session = Session(plan)
        session.start(events.append)
        yield session, events, sender
        session.stop()


def of(events: list[Event], kind: type) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def test_new_models_read_from_the_next_window_on_and_the_reader_is_asked_in_between(
    generator: Generator, bundles: Path
) -> None:
    told: list[Models] = []
    one, two = (Decoder.open(bundles / name, generator) for name in ("one", "two"))
    reader = Reader(one, generator, Clock(), told.append)
    window = Window(np.random.default_rng(0).normal(size=(4, 25)).astype(np.float32), np.arange(25) / 50, 0)
    reader.hand_in(Models(two, generator))
    before = reader.read(window)
    reader.turn()
    after = reader.read(window)
    np.testing.assert_array_equal(before.latent, one.decode(window.data))
    np.testing.assert_array_equal(after.latent, two.decode(window.data))
    assert (before.model, after.model) == (Models(one, generator).name, Models(two, generator).name)
    assert before.model != after.model
    assert one.bundle.digest[:7] in before.model
    reader.turn()
    assert [each.decoder for each in told] == [two]


def test_a_message_names_all_that_differs(tmp_path: Path, generator: Generator, decoder: Decoder) -> None:
    other = tiny_decoder(tmp_path / "d", generator.bundle, ("O1", "Oz", "O2"), 50.0, SLIDING, decimation=1)
    with pytest.raises(SettingsError) as refused:
        check_exchange(Models(decoder, generator), Models(Decoder.open(other, generator), generator), False)
    for words in ("the channels", "the rate (50.0 for 100.0)", "the filters", "the decimation (1 for 2)", "windows of"):
        assert words in str(refused.value)
    check_exchange(Models(decoder, generator), Models(decoder, generator), True)


def test_decoders_near_by_are_listed_and_nothing_else(bundles: Path, tmp_path: Path) -> None:
    found = {each.folder.name: each for each in find_decoders(bundles, bundles)}
    assert set(found) == {"one", "two", "trials", "other"}
    assert found["one"].figure == "no figure of its own"
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text('["eeg-decoder"')
    assert find_decoders(tmp_path, tmp_path / "nowhere") == ()


def test_a_figure_stands_with_its_interval_beside_chance() -> None:
    score = {"name": "identification, single trials", "value": 0.81, "low": 0.7, "high": 0.9, "chance": 0.5}
    assert _figure(score) == "identification 0.81 (0.70 to 0.90), chance 0.50"
    assert _figure(score | {"low": None}) == "identification 0.81, chance 0.50"


def test_what_cannot_take_over_is_refused_in_words_and_the_old_models_go_on(
    sliding: tuple[Session, list[Event], Sender], bundles: Path
) -> None:
    session, events, _ = sliding
    name = session.status().model
    for path, words in ((bundles / "trials", "what is cut"), (bundles / "nowhere", "no such folder")):
        n_refused = len(of(events, ModelsRefused))
        session.swap(path)
        assert until(lambda n=n_refused: len(of(events, ModelsRefused)) > n)
        assert words in of(events, ModelsRefused)[-1].reason  # type: ignore[attr-defined]
    n_read = session.counts["read"]
    assert until(lambda: session.counts["read"] > n_read)
    assert session.status().model == name
    assert session.ended is None


def test_models_that_would_not_run_on_the_gpu_that_is_required_are_refused(
    sliding: tuple[Session, list[Event], Sender], bundles: Path
) -> None:
    session, events, _ = sliding
    settings = session.plan.settings
    session.plan.settings = settings.model_copy(update={"require_gpu": True})
    n_refused = len(of(events, ModelsRefused))
    session.swap(bundles / "two")
    assert until(lambda: len(of(events, ModelsRefused)) > n_refused)
    session.plan.settings = settings
    assert "GPU" in of(events, ModelsRefused)[-1].reason  # type: ignore[attr-defined]
    assert session.status().device.startswith("CPU")


def test_a_swap_loses_no_sample_and_tells_who_reads_since_when(
    sliding: tuple[Session, list[Event], Sender], bundles: Path
) -> None:
    session, events, sender = sliding
    assert until(lambda: session.counts["read"] > 2)
    before = session.status().model
    session.swap(bundles / "two")
    assert until(lambda: bool(of(events, ModelsChanged)))
    n_read = session.counts["read"]
    assert until(lambda: session.counts["read"] > n_read + 2)
    session.stop()
    changed = of(events, ModelsChanged)[0]
    assert isinstance(changed, ModelsChanged)
    assert changed.name == session.status().model != before
    assert 0 <= changed.changed_s - changed.ready_s < 1.0
    assert session.plan.decoder.bundle.folder == bundles / "two"
    assert session.reconstructions.take().model == changed.name  # type: ignore[union-attr]
    assert len(session.latency.milliseconds()) == 0  # nobody handed a picture of the new models to Qt
    sent = np.hstack(sender.sent)
    recorded = read_run(session.plan.folder).data  # type: ignore[arg-type]
    first = int(np.flatnonzero(sent[0] == recorded[0, 0])[0])
    np.testing.assert_array_equal(recorded, sent[:, first : first + recorded.shape[1]])
    assert session.counts["gaps"] == 0
    assert any("other models took over" in each for each in session.problems)


def test_after_an_exchange_trials_are_scored_in_the_new_space_and_pictures_known_to_the_decoder_not_at_all(
    tmp_path: Path, generator: Generator, decoder: Decoder, bundles: Path
) -> None:
    other = Generator.open(bundles / "generator")
    models = Models(Decoder.open(bundles / "other", other), other)
    pictures = builtin(("shapes",)).sample(np.random.default_rng(0), 4, generator.image_size)
    known = builtin(("letters",)).sample(np.random.default_rng(0), 1, generator.image_size)[0]
    beside = builtin(("digits",)).sample(np.random.default_rng(0), 9, generator.image_size)
    told: list[Event] = []
    with Sender(CHANNELS, SFREQ) as sender, MarkerOutlet("test markers", uuid4().hex):
        stream = StreamChoice(source_id=sender.source_id, markers="test markers")
        session = Session(SessionPlan(SessionSettings(stream=stream), "x", decoder, generator, folder=tmp_path))
        session._telling.emit = told.append
        for number, picture in enumerate((*pictures, known)):
            if number == 2:
                session.exchange(models)
                session._reader.turn()
                session._trained_on = frozenset((known.id,))
                session._to_know = list(beside)
            window = Window(10 * np.random.default_rng(number).normal(size=(4, 25)).astype("f4"), np.arange(25) / 50, 0)
            shown = Shown(number, picture, generator.encode(picture.image[None])[0])  # as the presenter encodes it
            session._trial_read(Trial(window, Marker(0.0, picture.label)), session._reader.read(window, shown), shown)
        session._live.recorder.start()  # type: ignore[union-attr]
        session.stop()
    latents = session.trial_latents()
    np.testing.assert_allclose(
        latents["shown"], other.encode(np.stack([each.image for each in pictures[2:]])), rtol=1e-4
    )
    kinds = [type(event) for event in told]
    assert kinds == [TrialRead, TrialRead, ModelsChanged, TrialRead, TrialRead, Problem, TrialRead]
    read = of(told, TrialRead)
    assert [event.nearest.n_known for event in read[:-1]] == [1, 2, 1, 10]  # type: ignore[attr-defined]
    assert np.isnan(read[-1].identified)  # type: ignore[attr-defined]
    assert any("was trained on" in each and "not scored" in each for each in session.problems)
    entries = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text("utf-8").splitlines()]
    digests = [each.bundle.digest for each in (decoder, models.decoder)]
    assert [entry["decoder"] for entry in entries] == [digests[0]] * 2 + [digests[1]] * 3
    assert ["latent_shown" in entry for entry in entries] == [True] * 4 + [False]
    assert (tmp_path / "pictures" / "trial_0004_shown.png").is_file()
    assert any("Until then (2 trials): identification" in each and "chance 0.50" in each for each in session.problems)
