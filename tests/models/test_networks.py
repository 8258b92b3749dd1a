"""Every network: shape, gradient reaches all weights, no picture depends on its neighbours, ONNX gives what torch gives."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import models
from bci_app.inference.session import OnnxModel
from models.autoencoder import Encoder, Generator, LinearView, picture_size, sample_posterior
from models.classifier import Classifier
from models.encoders.attention import AttentionNice, ChannelAttention
from models.encoders.eegnet import EegNet
from models.encoders.nice import Nice, ResidualProjector, TemporalSpatial
from models.encoders.reader import PortableReader, ReaderNetwork, SubjectLayer
from models.gan.bigbigan import BigEncoder, BigGenerator, ImageTrunk, JointDiscriminator
from models.gan.blocks import ConditionalNorm, DownBlock, ResidualDense, SelfAttention, UpBlock
from models.gan.dcgan import DcganDiscriminator, DcganGenerator
from models.gan.strided import DoublingConv2d, HalvingConv2d
from models.layers import GlobalBatchNorm2d, Residual, Whitening
from models.portable import PortableClassifier, PortableEncoder, PortableGenerator
from models.text.bands import BandAmplitudes
from models.text.codex import Codex
from models.text.language import small_bart
from models.text.reader import Pool, SentenceReader
from models.text.scale import Standardise
from models.text.wave_encoder import (
    ConformerBlock,
    ConvolutionModule,
    FeedForward,
    Reconstruction,
    Subsampling,
    WaveEncoder,
)
from models.text.word_encoder import WordEncoder
from training.export import to_onnx

DIM = 5
SIZE = 16


@dataclass(frozen=True)
class Case:
    """How one network is made, fed, and what it gives for a batch of 3."""

    make: Callable[[], nn.Module]
    feed: Callable[[], Tensor | tuple[Tensor, ...]]
    shapes: tuple[tuple[int, ...], ...]
    dtype: torch.dtype = torch.float32
    has_gradient: bool = True
    others: tuple[torch.dtype, ...] = ()
    """Number types of further outputs."""


def _bytes() -> Tensor:
    return torch.randint(0, 256, (3, SIZE, SIZE, 3), dtype=torch.uint8)


def _encoder() -> Encoder:
    return Encoder(DIM, (6, 8), (0, 1))


def _generator() -> Generator:
    return Generator(DIM, (8, 6), (0, 1))


def _whitening() -> Whitening:
    return Whitening(torch.linspace(-1, 1, DIM), torch.diag(torch.linspace(0.5, 2, DIM)) + 0.1)


def _trunk(batch_norm: bool = False) -> ImageTrunk:
    return ImageTrunk(32, 3, (4, 8, 8, 8), batch_norm, attention=None if batch_norm else 8)


def _map(n_channels: int = 4, side: int = 8) -> Tensor:
    return torch.randn(3, n_channels, side, side)


N_CHANNELS, N_TIMES = 6, 40


def _window() -> Tensor:
    return torch.randn(3, N_CHANNELS, N_TIMES)


def _eegnet() -> EegNet:
    return EegNet(N_CHANNELS, N_TIMES, DIM, n_filters=2, n_separable=4, kernel=8, separable_kernel=4)


def _reading() -> PortableReader:
    mean, matrix = torch.randn(N_CHANNELS, N_TIMES), torch.randn(N_CHANNELS, N_CHANNELS)
    return PortableReader(mean, matrix, _eegnet(), nn.Linear(DIM, 4))


WIDTH, N_WORDS = 8, 5


def _steps() -> Tensor:
    return torch.randn(3, N_WORDS, WIDTH)


def _codex() -> Codex:
    codex = Codex(WIDTH, DIM, 16, 4)
    codex.begin(torch.randn(40, WIDTH), 10)
    return codex


def _sentence_reader() -> SentenceReader:
    bands = BandAmplitudes(64, 128.0, {"low": (4.0, 8.0), "high": (20.0, 40.0)})
    encoder = WordEncoder(2 * N_CHANNELS, WIDTH, 1, 2, 16, max_words=N_WORDS)
    scale = Standardise(torch.zeros(2 * N_CHANNELS), torch.eye(2 * N_CHANNELS))
    return SentenceReader(scale, encoder, _codex(), small_bart(20, 8, 1, 2, 16, 16), DIM, bands)


def _waves() -> WaveEncoder:
    return WaveEncoder(N_CHANNELS, WIDTH, (2, 4), 1, 2, 16, 3)


CASES = {
    "BandAmplitudes": Case(
        lambda: BandAmplitudes(64, 128.0),
        lambda: torch.randn(3, N_CHANNELS, 64),
        ((3, 8 * N_CHANNELS),),
        has_gradient=False,
    ),
    "Standardise": Case(
        lambda: Standardise(torch.ones(WIDTH), torch.eye(WIDTH)),
        _steps,
        ((3, N_WORDS, WIDTH),),
        has_gradient=False,
    ),
    "WordEncoder": Case(lambda: WordEncoder(WIDTH, 6, 1, 2, 12), _steps, ((3, N_WORDS, 6),)),
    "FeedForward": Case(lambda: FeedForward(WIDTH, 12, 0.1), _steps, ((3, N_WORDS, WIDTH),)),
    "ConvolutionModule": Case(lambda: ConvolutionModule(WIDTH, 3, 0.1), _steps, ((3, N_WORDS, WIDTH),)),
    "ConformerBlock": Case(lambda: ConformerBlock(WIDTH, 2, 12, 3, 0.1), _steps, ((3, N_WORDS, WIDTH),)),
    "Subsampling": Case(lambda: Subsampling(N_CHANNELS, WIDTH, (2, 4), 0.1), _window, ((3, N_TIMES // 8, WIDTH),)),
    "WaveEncoder": Case(_waves, _window, ((3, N_TIMES // 8, WIDTH),)),
    "Reconstruction": Case(lambda: Reconstruction(_waves(), N_CHANNELS), _steps, ((3, N_CHANNELS, 8 * N_WORDS),)),
    "Codex": Case(
        _codex, _steps, ((3, N_WORDS, DIM), (3, N_WORDS)), has_gradient=False, others=(torch.int64,)
    ),  # tested in training, see test_codex.py
    "Pool": Case(lambda: Pool(WIDTH, DIM), _steps, ((3, DIM),)),
    "SentenceReader": Case(
        _sentence_reader,
        lambda: torch.randn(3, N_WORDS, N_CHANNELS, 64),
        ((3, N_WORDS, 8), (3, N_WORDS), (3, DIM)),
        has_gradient=False,
        others=(torch.int64,),
    ),
    "EegNet": Case(_eegnet, _window, ((3, DIM),)),
    "TemporalSpatial": Case(lambda: TemporalSpatial(N_CHANNELS, N_TIMES, 4, 5, 10, 3), _window, ((3, 36),)),
    "ResidualProjector": Case(lambda: ResidualProjector(9, DIM), lambda: torch.randn(3, 9), ((3, DIM),)),
    "Nice": Case(lambda: Nice(N_CHANNELS, N_TIMES, DIM, 4, 5, 10, 3), _window, ((3, DIM),)),
    "ChannelAttention": Case(lambda: ChannelAttention(N_CHANNELS, N_TIMES, 8, 2), _window, ((3, N_CHANNELS, N_TIMES),)),
    "AttentionNice": Case(
        lambda: AttentionNice(N_CHANNELS, N_TIMES, DIM, 8, 2, n_filters=4, kernel=5, pool=10, stride=3),
        _window,
        ((3, DIM),),
    ),
    "SubjectLayer": Case(
        lambda: SubjectLayer(3, N_CHANNELS), lambda: (_window(), torch.arange(3)), ((3, N_CHANNELS, N_TIMES),)
    ),
    "ReaderNetwork": Case(
        lambda: ReaderNetwork(_eegnet(), 3, N_CHANNELS, DIM, 4, 7),
        lambda: (_window(), torch.arange(3)),
        ((3, 4), (3, 7)),
    ),
    "PortableReader": Case(_reading, _window, ((3, 4),)),
    "Classifier": Case(lambda: Classifier(3, 5, (4, 8)), lambda: _map(3, SIZE), ((3, 5),)),
    "GlobalBatchNorm2d": Case(lambda: GlobalBatchNorm2d(4), _map, ((3, 4, 8, 8),)),
    "ConditionalNorm": Case(lambda: ConditionalNorm(4, 2), lambda: (_map(), torch.randn(3, 2)), ((3, 4, 8, 8),)),
    "UpBlock": Case(lambda: UpBlock(4, 6, 2), lambda: (_map(), torch.randn(3, 2)), ((3, 6, 16, 16),)),
    "DownBlock": Case(lambda: DownBlock(4, 6, batch_norm=True), _map, ((3, 6, 4, 4),)),
    "SelfAttention": Case(lambda: SelfAttention(8), lambda: _map(8), ((3, 8, 8, 8),)),
    "ResidualDense": Case(lambda: ResidualDense(6), lambda: torch.randn(3, 6), ((3, 6),)),
    "HalvingConv2d": Case(lambda: HalvingConv2d(4, 6), _map, ((3, 6, 4, 4),)),
    "DoublingConv2d": Case(lambda: DoublingConv2d(4, 6), _map, ((3, 6, 16, 16),)),
    "DcganGenerator": Case(lambda: DcganGenerator(DIM, 32, 3, 2), lambda: torch.randn(3, DIM), ((3, 3, 32, 32),)),
    "DcganDiscriminator": Case(lambda: DcganDiscriminator(32, 3, 2), lambda: _map(3, 32), ((3,),)),
    "BigGenerator": Case(
        lambda: BigGenerator(8, 32, 3, (8, 8, 4, 4), attention=8), lambda: torch.randn(3, 8), ((3, 3, 32, 32),)
    ),
    "ImageTrunk": Case(_trunk, lambda: _map(3, 32), ((3, 8),)),
    "BigEncoder": Case(lambda: BigEncoder(DIM, _trunk(batch_norm=True)), lambda: _map(3, 32), ((3, DIM), (3, DIM))),
    "JointDiscriminator": Case(
        lambda: JointDiscriminator(DIM, _trunk(), 6, 1), lambda: (_map(3, 32), torch.randn(3, DIM)), ((3, 3),)
    ),
    "Residual": Case(lambda: Residual(4), _map, ((3, 4, 8, 8),)),
    "Encoder": Case(_encoder, lambda: _map(3, SIZE), ((3, DIM), (3, DIM))),
    "Generator": Case(_generator, lambda: torch.randn(3, DIM), ((3, 3, SIZE, SIZE),)),
    "LinearView": Case(lambda: LinearView(DIM, 4), lambda: torch.randn(3, DIM), ((3, 3, 4, 4),)),
    "Whitening": Case(_whitening, lambda: torch.randn(3, DIM), ((3, DIM),), has_gradient=False),
    "PortableGenerator": Case(
        lambda: PortableGenerator(_generator(), _whitening()),
        lambda: torch.randn(3, DIM),
        ((3, SIZE, SIZE, 3),),
        torch.uint8,
        has_gradient=False,
    ),
    "PortableEncoder": Case(lambda: PortableEncoder(_encoder(), _whitening()), _bytes, ((3, DIM),), has_gradient=False),
    "PortableClassifier": Case(
        lambda: PortableClassifier(Classifier(1, 5, (4, 8)), n_channels=1), _bytes, ((3, 5),), has_gradient=False
    ),
}
TESTED_APART = {"CachedStep", "EncodedSentence"}
"""Networks whose first axis is no batch; see tests/models/text/test_cached.py."""
each_network = pytest.mark.parametrize("name", CASES)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def _several(tensors: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tensors if isinstance(tensors, tuple) else (tensors,)


def _made(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A network as it is after some training, and its inputs."""
    network, inputs = CASES[name].make(), _several(CASES[name].feed())
    for module in network.modules():
        if isinstance(module, SelfAttention):
            nn.init.ones_(module.gain)  # at zero, where it starts, only the gain itself has a gradient
    if CASES[name].has_gradient:
        network(*inputs)
    return network.eval(), inputs


def test_every_network_is_in_the_list() -> None:
    found = pkgutil.walk_packages(models.__path__, prefix="models.")
    modules = [importlib.import_module(each.name) for each in found]
    networks = {
        name
        for module in modules
        for name, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, nn.Module) and member.__module__ == module.__name__
    }
    assert networks == set(CASES) | TESTED_APART


@each_network
def test_shapes_and_types_are_as_told(name: str) -> None:
    case, (network, inputs) = CASES[name], _made(name)
    outputs = _several(network(*inputs))
    assert tuple(tuple(output.shape) for output in outputs) == case.shapes
    assert {output.dtype for output in outputs} == {case.dtype, *case.others}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.has_gradient])
def test_gradient_reaches_all_weights(name: str) -> None:
    network, inputs = _made(name)  # in training a bias before a batch normalisation has no gradient
    outputs = _several(network(*inputs))
    sum((output * torch.randn_like(output)).sum() for output in outputs).backward()  # type: ignore[union-attr]
    idle = [weight for weight, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    assert idle == []


@each_network
def test_no_picture_depends_on_its_neighbours(name: str) -> None:
    network, inputs = _made(name)
    all_outputs = [_several(network(*given)) for given in (inputs, [each[1:2] for each in inputs])]
    for whole, alone in zip(*all_outputs, strict=True):
        torch.testing.assert_close(whole[1:2], alone, atol=1, rtol=0) if whole.dtype == torch.uint8 else (
            torch.testing.assert_close(whole[1:2], alone, atol=1e-5, rtol=1e-5)
        )


@pytest.mark.parametrize(
    ("name", "given", "made", "tolerance"),
    [
        ("PortableGenerator", "latent", "image", 2.0),
        ("PortableEncoder", "image", "latent", 1e-4),
        ("PortableClassifier", "image", "scores", 1e-4),
        ("EegNet", "window", "latent", 1e-4),
        ("AttentionNice", "window", "latent", 1e-4),
        ("PortableReader", "window", "latent", 1e-4),
    ],
)
def test_onnx_gives_what_torch_gives_for_any_batch(name: str, given: str, made: str, tolerance: float) -> None:
    network, inputs = CASES[name].make().eval(), CASES[name].feed()
    content = to_onnx(network, inputs[:2], given, made)
    model = OnnxModel(content, "cpu")
    assert (model.input.name, model.output.name) == (given, made)
    assert b".py" not in content, "the exporter left source paths of this machine in the file"
    for batch in (inputs[:1], inputs, inputs.repeat(3, *[1] * (inputs.ndim - 1))):
        wanted = network(batch).detach().numpy().astype(np.float64)
        np.testing.assert_allclose(model.run(batch.numpy()).astype(np.float64), wanted, atol=tolerance)


def test_encoder_and_generator_of_the_same_depth_agree_on_the_size() -> None:
    assert _encoder().size == _generator().size == picture_size((6, 8)) == SIZE


def test_residual_counts_must_fit_the_widths() -> None:
    for network in (Encoder, Generator):
        with pytest.raises(ValueError, match="one residual count per width; got 1 for 2"):
            network(DIM, (6, 8), (0,))


def test_whitening_changes_coordinates_and_goes_back() -> None:
    whitening, values = _whitening(), torch.randn(4, DIM)
    torch.testing.assert_close(whitening(values), (values - whitening.shift) @ whitening.matrix)
    torch.testing.assert_close(whitening.inverse(whitening(values)), values, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(Whitening.identity(DIM)(values), values)


def test_posterior_samples_have_its_mean_and_variance() -> None:
    mean, log_variance = torch.full((40000, 1), 2.0), torch.full((40000, 1), np.log(0.25))
    drawn = sample_posterior(mean, log_variance, torch.Generator().manual_seed(0))
    assert float(drawn.mean()) == pytest.approx(2.0, abs=0.02)
    assert float(drawn.std()) == pytest.approx(0.5, abs=0.02)
