"""The exported graph reads what the reader reads, and the bundle proves it by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from bci_app.calibration.export import decoder_card, provenance_here, write_decoder_bundle
from bci_app.calibration.ridge import LinearReader, NoiseModel, fit_noise, fit_reader
from bci_app.contract.bundle import Bundle, open_bundle
from bci_app.contract.manifest import DecoderManifest, GeneratorManifest, Score
from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor
from bci_app.contract.signal import Chunk
from bci_app.contract.windowing import TrialSpec
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from tests.tiny import DIM, PROVENANCE, tiny_generator

CHANNELS, SFREQ, N_TIMES = ("O1", "Oz", "O2", "Pz"), 100.0, 25
SPEC = PreprocessingSpec.design(CHANNELS, SFREQ, (1.0, 20.0), decimation=2)
SCORE = Score(name="identification", value=0.7, low=0.6, high=0.8, chance=0.5, n=40, held_out="5 folds | by picture")


@pytest.fixture(scope="module")
def fitted() -> tuple[LinearReader, NoiseModel, np.ndarray]:
    rng = np.random.default_rng(0)
    windows = 10 * rng.standard_normal((60, len(CHANNELS), N_TIMES), dtype=np.float32)
    targets = rng.standard_normal((60, DIM), dtype=np.float32)
    return fit_reader(windows, targets), fit_noise(windows), windows


@pytest.fixture(scope="module")
def written(
    tmp_path_factory: pytest.TempPathFactory, fitted: tuple[LinearReader, NoiseModel, np.ndarray]
) -> tuple[Bundle, Bundle]:
    """A generator bundle and a decoder bundle for it."""
    folder = tmp_path_factory.mktemp("bundles")
    generator = tiny_generator(folder / "generator")
    assert isinstance(generator.manifest, GeneratorManifest)
    bundle = write_decoder_bundle(
        folder / "decoder", fitted[0], fitted[1], name="four channels", preprocessing=SPEC,
        cut=TrialSpec(start_s=0.0, stop_s=0.5), generator=generator.manifest, provenance=PROVENANCE, metrics=(SCORE,),
    )  # fmt: skip
    return generator, bundle


def test_the_graph_reads_what_the_reader_reads(fitted: tuple[LinearReader, NoiseModel, np.ndarray]) -> None:
    reader, _, windows = fitted
    graph = reader.graph()
    onnx.checker.check_model(onnx.load_from_string(graph), full_check=True)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for n in (1, 7, 60):
        (latents,) = session.run(None, {"window": windows[:n]})
        np.testing.assert_allclose(latents, reader.read(windows[:n]), atol=1e-4)


def test_the_opened_decoder_reads_the_same_and_draws_the_same_noise(
    written: tuple[Bundle, Bundle], fitted: tuple[LinearReader, NoiseModel, np.ndarray]
) -> None:
    reader, noise, windows = fitted
    decoder = Decoder.open(written[1].folder, Generator.open(written[0]))
    np.testing.assert_allclose(decoder.decode(windows[3]), reader.read(windows[3:4])[0], atol=1e-4)
    np.testing.assert_array_equal(decoder.latent_mean, reader.mean_target)
    drawn = decoder.noise_windows(np.random.default_rng(0), 500)
    np.testing.assert_allclose(drawn.mean(axis=0), noise.mean, atol=2.5)
    np.testing.assert_allclose(drawn.std(), windows.std(), rtol=0.05)


def test_golden_vectors_hold_the_whole_way_from_raw_microvolts_to_the_latent(
    written: tuple[Bundle, Bundle], fitted: tuple[LinearReader, NoiseModel, np.ndarray]
) -> None:
    golden = written[1].golden()
    raw = golden["raw"]
    kept = Preprocessor(SPEC).process(Chunk(raw, np.arange(raw.shape[1]) / SFREQ, 0)).data
    np.testing.assert_array_equal(golden["decoder.window"][0], kept[:, -N_TIMES:])
    np.testing.assert_allclose(golden["decoder.latent"], fitted[0].read(golden["decoder.window"]), atol=1e-5)


def test_the_manifest_says_what_the_decoder_needs(written: tuple[Bundle, Bundle]) -> None:
    generator, bundle = written
    manifest = open_bundle(bundle.folder).manifest
    assert isinstance(manifest, DecoderManifest)
    assert (manifest.channels, manifest.sfreq) == (CHANNELS, SFREQ)
    assert manifest.inputs[0].shape == ("batch", 4, N_TIMES)
    assert manifest.outputs[0].shape == ("batch", DIM)
    assert manifest.latent_space == generator.manifest.latent_space
    assert manifest.metrics == (SCORE,)


def test_the_card_says_how_well_it_reads_and_what_it_is_not(written: tuple[Bundle, Bundle]) -> None:
    manifest = written[1].manifest
    assert isinstance(manifest, DecoderManifest)
    card = written[1].read("card.md").decode()
    assert card == decoder_card(manifest)
    for words in ("O1, Oz, O2, Pz", "0.700", "0.600 to 0.800", "0.500", "not a photograph", "not a medical device"):
        assert words in card
    rows = [line for line in card.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1


def test_provenance_names_versions_and_the_command() -> None:
    provenance = provenance_here("bci-app demo", {"a": 1}, ("nobody",), "abc")
    assert provenance.versions["numpy"] == np.__version__
    assert (provenance.command, provenance.commit, provenance.recipe) == ("bci-app demo", "abc", {"a": 1})


def test_a_decoder_written_twice_replaces_the_first(
    tmp_path: Path, written: tuple[Bundle, Bundle], fitted: tuple[LinearReader, NoiseModel, np.ndarray]
) -> None:
    assert isinstance(written[0].manifest, GeneratorManifest)
    for name in ("first", "second"):
        bundle = write_decoder_bundle(
            tmp_path / "decoder", fitted[0], fitted[1], name=name, preprocessing=SPEC,
            cut=TrialSpec(start_s=0.0, stop_s=0.5), generator=written[0].manifest, provenance=PROVENANCE, metrics=(),
        )  # fmt: skip
    assert bundle.manifest.name == open_bundle(tmp_path / "decoder").manifest.name == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["decoder"]
