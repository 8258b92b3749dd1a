"""What a session comes to, as data: ``summary.json`` in its run folder."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bci_app.contract.anonymity import nameless
from bci_app.contract.errors import RecordingError
from bci_app.contract.identification import (
    Floats,
    bootstrap_interval,
    pairwise_identification,
    shuffled_identification,
)
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.engine.verdict import verdict
from bci_app.engine.views import LatencyRow

if TYPE_CHECKING:
    from bci_app.engine.session import Session
    from bci_app.engine.text_session import TextSession
    from bci_app.inference.decoder import Decoder
    from bci_app.inference.generator import Generator
    from bci_app.inference.text import TextDecoder

CLOSED = "The session was closed before its end."


@contextmanager
def run_folder(base: Path, kind: str) -> Iterator[Path]:
    """A new folder below `base`, named by kind and time; it goes again if nothing came to lie in it.

    Raises
    ------
    RecordingError
        On entering, if it cannot be made.
    """
    folder = _new_folder(base, kind)
    try:
        yield folder
    finally:
        with suppress(OSError):
            folder.rmdir()


def _new_folder(base: Path, kind: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for attempt in range(100):
        folder = base / (f"{kind}-{stamp}" + (f"-{attempt}" if attempt else ""))
        try:
            folder.mkdir(parents=True, mode=0o700)
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise RecordingError(
                f"The results cannot be written to '{base}': {error.strerror}. Choose another place (in the window: Kept "
                "in, on the page Decode; of a command: --folder)."
            ) from None
    raise RecordingError(f"'{base}' already holds a hundred runs of this second. Choose another place with --folder.")


def summarise(session: Session) -> dict[str, Any]:
    """Everything a report needs, in plain numbers; after the session has stopped.

    Scores stand with their 95 % intervals: the decoder, its noise twin, and the decoder's readings dealt to the
    trials at random (the interval of the latter is that of 500 deals).
    """
    identification = identification_summary(session.trial_latents(), session.plan.decoder.latent_mean)
    return session_facts(session) | {"identification": identification}


def session_facts(session: Session | TextSession) -> dict[str, Any]:
    """What is told of every session whose signal is read by a bundle, whatever it reads."""
    ended = session.ended
    facts: dict[str, Any] = nameless(
        session.plan.about
        | {
            "title": session.title,
            "began": session.began,
            "ended": CLOSED if ended is None else ended.reason,
            "failed": ended is not None and ended.fatal,
            "problems": session.problems,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "latency_ms": latency_summary(session.latencies()),
            "counts": session.counts,
            "stream": session.status().stream,
            "device": session.status().device,
            "versions": versions(),
        }
    )
    return facts


def latency_summary(rows: Iterable[LatencyRow]) -> dict[str, dict[str, float]]:
    """Percentiles by step, in milliseconds."""
    return {
        row.step: {"p50": row.p50_ms, "p95": row.p95_ms, "p99": row.p99_ms, "max": row.max_ms, "n": row.n}
        for row in rows
    }


def generator_facts(generator: Generator) -> dict[str, Any]:
    """What is told of what draws the pictures: its name, digest and own figures."""
    manifest = generator.manifest
    metrics = [score.model_dump() for score in manifest.metrics]
    return {"name": manifest.name, "digest": generator.bundle.digest, "metrics": metrics}


def decoder_facts(decoder: Decoder | TextDecoder, spec: PreprocessingSpec) -> dict[str, Any]:
    """What is told of a model whose signal is preprocessed by `spec`: its name, digest, own figures and delay."""
    return {
        "name": decoder.manifest.name,
        "digest": decoder.bundle.digest,
        "metrics": [score.model_dump() for score in decoder.manifest.metrics],
        "filter_delay_hz": spec.told_hz,
        "filter_delay_ms": 1000 * spec.delay_s(spec.told_hz),
    }


def identification_summary(latents: Mapping[str, Floats], centre: Floats) -> dict[str, Any]:
    """Pairwise identification with its controls; only ``n_trials`` below two trials.

    Parameters
    ----------
    latents : mapping of str to array (n_trials, latent_dim)
        ``read``, read from ``noise``, and ``shown``.
    centre : array (latent_dim,)
        Mean training latent.
    """
    n = len(latents["shown"])
    if n < 2:
        return {"n_trials": n}
    return {
        "n_trials": n,
        "chance": 0.5,
        "decoder": _score(bootstrap_interval(pairwise_identification(latents["read"], latents["shown"], centre))),
        "noise_twin": _score(bootstrap_interval(pairwise_identification(latents["noise"], latents["shown"], centre))),
        "shuffled_pairing": _score(shuffled_identification(latents["read"], latents["shown"], centre)),
    }


def _score(value_low_high: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip(("value", "low", "high"), value_low_high, strict=True))


def versions() -> dict[str, str]:
    """Python, the system and the packages that matter to a result."""
    found = {"python": platform.python_version(), "system": platform.system()}
    for package in (
        "bci-app", "numpy", "scipy", "onnxruntime", "onnxruntime-gpu", "pylsl", "mne", "PySide6-Essentials", "pyqtgraph",
    ):  # fmt: skip
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` whole or not at all; RecordingError if the disk refuses."""
    draft = path.with_suffix(".part")
    try:
        draft.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")
        os.replace(draft, path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise RecordingError(f"'{path}' could not be written: {error.strerror}. Free space and try again.") from None


def paragraph(summary: dict[str, Any]) -> str:
    """The summary in one paragraph, for a person."""
    identification, total = summary["identification"], summary["latency_ms"].get("total software")
    words = [summary["ended"]]
    if "decoder" in identification:
        real, twin, shuffled = (identification[name] for name in ("decoder", "noise_twin", "shuffled_pairing"))
        words.append(
            f"In {identification['n_trials']} single trials the picture shown was identified among the others in "
            f"{_percent(real)} of pairs (chance 50 %); the same decoder fed matched noise: {_percent(twin)}; its "
            f"readings dealt to the trials at random: {_percent(shuffled)}."
        )
        words.append(verdict(identification["n_trials"], real, twin, shuffled, summary["signal"])[1])
    else:
        words.append(_unscored(summary["counts"]["read"], identification["n_trials"], summary["signal"]))
    if total:
        words.append(
            f"From the arrival of the last sample needed to the picture in Qt: {total['p50']:.1f} ms (median), "
            f"{total['p99']:.1f} ms (99th percentile)."
        )
    words.append(f"Models ran on: {summary['device']}.")
    return " ".join(words)


def _unscored(n_read: int, n_known: int, signal: str) -> str:
    if n_read == 0:
        return f"No picture was read from the {signal}."
    if n_known:
        return f"One picture was read from the {signal}; identification compares at least two."
    return (
        f"{n_read} pictures were read from the {signal}; what was on screen is not known to this program, so they are not "
        "scored."
    )


def _percent(score: dict[str, float]) -> str:
    return f"{100 * score['value']:.1f} % [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"
