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
from models.layers import Residual, Whitening
from models.portable import PortableEncoder, PortableGenerator
from training.export import to_onnx

DIM = 5
SIZE = 16


@dataclass(frozen=True)
class Case:
    """How one network is made, fed, and what it gives for a batch of 3."""

    make: Callable[[], nn.Module]
    feed: Callable[[], Tensor]
    shapes: tuple[tuple[int, ...], ...]
    dtype: torch.dtype = torch.float32
    has_gradient: bool = True


def _bytes() -> Tensor:
    return torch.randint(0, 256, (3, SIZE, SIZE, 3), dtype=torch.uint8)


def _encoder() -> Encoder:
    return Encoder(DIM, (6, 8), (0, 1))


def _generator() -> Generator:
    return Generator(DIM, (8, 6), (0, 1))


def _whitening() -> Whitening:
    return Whitening(torch.linspace(-1, 1, DIM), torch.diag(torch.linspace(0.5, 2, DIM)) + 0.1)


CASES = {
    "Residual": Case(lambda: Residual(4), lambda: torch.randn(3, 4, 8, 8), ((3, 4, 8, 8),)),
    "Encoder": Case(_encoder, lambda: torch.randn(3, 3, SIZE, SIZE), ((3, DIM), (3, DIM))),
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
}
each_network = pytest.mark.parametrize("name", CASES)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def _outputs(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def test_every_network_is_in_the_list() -> None:
    modules = [importlib.import_module(f"models.{found.name}") for found in pkgutil.walk_packages(models.__path__)]
    networks = {
        name
        for module in modules
        for name, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, nn.Module) and member.__module__ == module.__name__
    }
    assert networks == set(CASES)


@each_network
def test_shapes_and_types_are_as_told(name: str) -> None:
    case = CASES[name]
    outputs = _outputs(case.make().eval()(case.feed()))
    assert tuple(tuple(output.shape) for output in outputs) == case.shapes
    assert {output.dtype for output in outputs} == {case.dtype}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.has_gradient])
def test_gradient_reaches_all_weights(name: str) -> None:
    network = CASES[name].make()
    outputs = _outputs(network(CASES[name].feed()))
    sum((output * torch.randn_like(output)).sum() for output in outputs).backward()  # type: ignore[union-attr]
    idle = [weight for weight, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    assert idle == []


@each_network
def test_no_picture_depends_on_its_neighbours(name: str) -> None:
    network, inputs = CASES[name].make().eval(), CASES[name].feed()
    for whole, alone in zip(_outputs(network(inputs)), _outputs(network(inputs[1:2])), strict=True):
        torch.testing.assert_close(whole[1:2], alone, atol=1, rtol=0) if whole.dtype == torch.uint8 else (
            torch.testing.assert_close(whole[1:2], alone, atol=1e-5, rtol=1e-5)
        )


@pytest.mark.parametrize(
    ("name", "given", "made", "tolerance"),
    [("PortableGenerator", "latent", "image", 2.0), ("PortableEncoder", "image", "latent", 1e-4)],
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
