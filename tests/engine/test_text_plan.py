"""Text bundles, streams and settings that go together, and those that do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from bci_app.contract.errors import BundleError, ChannelError, NoStreamError, SettingsError
from bci_app.contract.manifest import Generation
from bci_app.contract.reading import SentenceSpec
from bci_app.contract.signal import Marker
from bci_app.contract.windowing import TrialSpec
from bci_app.engine.opening import open_models
from bci_app.engine.session_file import begin_session
from bci_app.engine.settings import SessionSettings, StreamChoice, parse_settings, read_settings
from bci_app.engine.text_demo import TextDemoSettings
from bci_app.engine.text_offline import read_text_offline
from bci_app.engine.text_plan import TextPlan, as_recorded, open_text_decoder, open_text_plan
from bci_app.engine.text_session import TextSession
from bci_app.engine.text_settings import TextSettings
from bci_app.inference.decoder import Decoder
from bci_app.inference.text import TextDecoder
from tests.engine.conftest import CHANNELS, SFREQ
from tests.sender import Sender
from tests.sentences import reading_recording
from tests.tiny import tiny_text_bundle

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    tiny_text_bundle(folder / "words", channels=CHANNELS, sfreq=SFREQ)
    tiny_text_bundle(folder / "features", "word-features")
    return folder


@pytest.mark.parametrize(("name", "kind"), [("read", TextSettings), ("read_demo", TextDemoSettings)])
def test_the_settings_that_come_with_the_program_are_the_defaults(name: str, kind: type[BaseModel]) -> None:
    assert read_settings(kind, ROOT / "configs" / "app" / f"{name}.yaml") == kind()


def test_the_demo_needs_somebody_who_reads() -> None:
    with pytest.raises(SettingsError, match="reads sentences; its reading cannot be null"):
        parse_settings(TextDemoSettings, {"participant": {}}, "This")
    with pytest.raises(SettingsError, match="require_gpu asks for the GPU while device says 'cpu'"):
        parse_settings(TextSettings, {"device": "cpu", "require_gpu": True}, "This")


def test_a_session_without_a_marker_stream_is_told_which_markers_it_needs(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"'sentence/start' and 'sentence/stop', their words at 'word/\.\.\.'"):
        open_text_plan(TextSettings(decoder=folder / "words"), "x", None)


def test_features_computed_elsewhere_are_refused_live_and_on_a_recording(folder: Path) -> None:
    with pytest.raises(BundleError, match=r"no stream and no recording carries them.*'word-windows'"):
        open_text_plan(TextSettings(decoder=folder / "features"), "x", None)
    with pytest.raises(BundleError, match="computed elsewhere"):
        read_text_offline(reading_recording(), TextDecoder.open(folder / "features"))


def test_each_command_names_the_other_for_a_bundle_of_the_other_kind(folder: Path, decoder: Decoder) -> None:
    with pytest.raises(SettingsError, match=r"It reads pictures: use `bci-app run --decoder .*tiny`"):
        open_text_decoder(TextSettings(decoder=decoder.bundle.folder))
    with pytest.raises(SettingsError, match=r"It reads sentences: use `bci-app read --decoder .*words`"):
        open_models(SessionSettings(decoder=folder / "words"))
    with pytest.raises(SettingsError, match=r"none was named.*--decoder.*demo --read.*bci-app record"):
        open_text_decoder(TextSettings())


def test_the_buffer_holds_the_longest_sentence_whatever_the_settings_say(tmp_path: Path) -> None:
    sentence = SentenceSpec(word_cut=TrialSpec(start_s=0.0, stop_s=0.25), max_s=100.0)
    decoder = TextDecoder.open(tiny_text_bundle(tmp_path / "long", sentence=sentence))
    assert TextPlan(TextSettings(), "x", decoder).signal.buffer_s > sentence.reach_s >= 100.25
    assert TextPlan(TextSettings(buffer_s=500.0), "x", decoder).signal.buffer_s == 500.0


def test_beams_are_those_of_the_bundle_unless_the_settings_name_them(tmp_path: Path) -> None:
    how = Generation(max_tokens=20, n_beams=4, repetition_penalty=1.5)
    decoder = TextDecoder.open(tiny_text_bundle(tmp_path / "beams", generation=how))
    assert TextPlan(TextSettings(), "x", decoder).generation == how
    assert TextPlan(TextSettings(n_beams=1), "x", decoder).generation == how.model_copy(update={"n_beams": 1})


def test_a_replay_reads_with_the_hypotheses_and_the_noise_of_its_day_unless_others_are_named(tmp_path: Path) -> None:
    told = TextSettings(n_beams=3, seed=8).model_dump(mode="json")
    begin_session(tmp_path, {"kind": "text", "settings": told})
    assert as_recorded(TextSettings(participant="P07"), tmp_path) == TextSettings(n_beams=3, seed=8, participant="P07")
    assert as_recorded(TextSettings(n_beams=1), tmp_path) == TextSettings(n_beams=1, seed=8)
    begin_session(tmp_path, {"kind": "text", "settings": told | {"n_beams": 0}})
    with pytest.raises(SettingsError, match=r"settings of the session .*n_beams"):
        as_recorded(TextSettings(), tmp_path)
    begin_session(tmp_path, {"kind": "signal", "settings": told})
    assert as_recorded(TextSettings(), tmp_path) == as_recorded(TextSettings(), tmp_path / "x.fif") == TextSettings()


def test_a_session_that_cannot_begin_lets_go_of_its_stream(folder: Path, tmp_path: Path) -> None:
    with Sender(CHANNELS[:3], SFREQ) as few, Sender(CHANNELS, SFREQ) as sender:
        decoder = open_text_decoder(TextSettings(decoder=folder / "words"))

        def plan(source_id: str) -> TextPlan:
            choice = StreamChoice(source_id=source_id, markers="nobody's markers", timeout_s=0.4)
            return TextPlan(TextSettings(stream=choice), "x", decoder)

        with pytest.raises(ChannelError, match="Pz"):
            TextSession(plan(few.source_id))
        with pytest.raises(NoStreamError, match="nobody's markers"):
            TextSession(plan(sender.source_id))
        assert not few.has_listeners


def test_markers_that_make_no_sentences_are_told_once_with_those_that_would(folder: Path) -> None:
    with Sender(CHANNELS, SFREQ, marker_every_s=60.0) as sender:
        choice = StreamChoice(source_id=sender.source_id, markers=f"{sender.name} markers")
        plan = TextPlan(TextSettings(stream=choice), "x", open_text_decoder(TextSettings(decoder=folder / "words")))
        session = TextSession(plan)
        labels = ["trial 1"] * 4 + ["sentence/start", "word/A", "sentence/stop"] + ["trial 2", "word/cat"] * 6
        told = [len(session.problems) for label in labels if session._marker_heard(Marker(0.0, label)) is None]
        session.stop()
    assert told == [0] * (7 + 2 * 5 + 1) + [1]
    assert session.problems[0].startswith(
        "10 markers came outside of any sentence, the last of them 'word/cat'. Sentences lie"
    )
