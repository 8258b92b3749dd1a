"""What models really run on, found out by running one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from bci_app.bundles import shipped
from bci_app.contract.errors import BciError
from bci_app.engine.demo import GENERATOR
from bci_app.engine.doctor import Check, version_of
from bci_app.inference.generator import Generator
from bci_app.inference.session import runtime_facts

_TIMES = 20


def models(clock: Callable[[], float] = time.perf_counter) -> Iterator[Check]:
    """What models really run on: a bundle that comes with the program is opened, compared with its golden vectors, and run."""
    both = [name for name in ("onnxruntime", "onnxruntime-gpu") if version_of(name)]
    if len(both) > 1:
        yield Check(
            "models", "packages", " and ".join(both), "wrong",
            "Both hold the module onnxruntime, and the last one installed wins. Uninstall both, then install bci-app[cpu] or "
            "bci-app[gpu].",
        )  # fmt: skip
    try:
        version, providers = runtime_facts()
        yield Check("models", "onnxruntime", f"{version}: {', '.join(providers)}")
        generator = Generator.open(shipped(GENERATOR))
        latent = np.zeros((1, generator.manifest.latent_space.dim), np.float32)
        began = clock()
        for _ in range(_TIMES):
            generator.generate(latent)
        each_ms = 1000 * (clock() - began) / _TIMES
    except BciError as error:
        yield Check("models", "a picture is made", "no", "wrong", str(error))
        return
    lost = generator.fell_back
    yield Check("models", "really run on", generator.device, "note" if lost else "fine", lost or "")
    yield Check("models", "a picture is made", f"in {each_ms:.1f} ms; its golden vectors agree")
