"""A run of an evolution on disk: what it is, the state before each generation, every response, every picture.

``session.json`` says which run it is and with which settings, ``generations/g0000.npz`` and so on hold the state before each
generation and the result of the one before it, ``responses.jsonl`` has a line for each presentation, ``pictures/`` what was
shown. A blind run also has ``sham.json``. `bci_app.engine.evolution_resume` reads them again.
"""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import numpy as np
from PIL import Image

from bci_app.contract.anonymity import without_home
from bci_app.contract.bundle import pack_arrays
from bci_app.contract.errors import RecordingError
from bci_app.engine.evolution_history import GenerationResult
from bci_app.engine.evolution_pictures import GenerationPictures
from bci_app.engine.evolution_plan import EvolutionPlan
from bci_app.engine.evolution_run import is_sham
from bci_app.engine.evolution_showing import Outcome
from bci_app.engine.session_file import SESSION, now
from bci_app.engine.session_lock import SessionLock, is_running
from bci_app.engine.summary import versions
from bci_app.evolution.state import State

FORMAT = 1
"""Of session.json and of the states; newer ones are refused."""
STATES, RESPONSES = "generations", "responses.jsonl"


def identity_of(plan: EvolutionPlan) -> dict[str, Any]:
    """What makes a run this one: it is resumed only where all of it is the same."""
    settings, generator = plan.settings, plan.generator
    return {
        "generator": generator.latent_space.generator_sha256,
        "optimiser": settings.optimiser.model_dump(mode="json"),
        "response": dict(plan.responder.identity),
        "seed": settings.seed,
        "repeats": settings.repeats,
        "sham": settings.sham,
        "references": [*(picture.id for picture in plan.references), f"{settings.references.n_prior} of the prior"],
    }


class RunFiles:
    """Writes a run; the owner's thread begins it, the presentation thread keeps states, any thread notes outcomes.

    Parameters
    ----------
    folder : Path
        Must exist.
    run : str
        Id of the run.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self.folder = folder
        self.run = run
        self._lock = SessionLock(folder)
        self._responses: IO[bytes] | None = None

    @classmethod
    def begin(cls, plan: EvolutionPlan, folder: Path) -> RunFiles:
        """The files of a new run.

        Raises
        ------
        RecordingError
            If the folder cannot be written, or holds a run already.
        """
        if (folder / SESSION).exists():
            raise RecordingError(
                f"A new run needs a folder of its own; '{folder}' holds a run already. Resume that one, or choose another."
            )
        files = cls(folder, uuid4().hex)
        about = {"format": FORMAT, "run": files.run, "began": now(), "resumed": [], "identity": identity_of(plan)}
        files._describe(about, plan)
        if plan.settings.sham == "blind":
            write_whole(folder / "sham.json", as_json({"sham": is_sham(plan.settings)}))
        files._open()
        return files

    @classmethod
    def go_on(cls, plan: EvolutionPlan, folder: Path, about: dict[str, Any], generation: int) -> RunFiles:
        """The files of a run that is resumed, `about` being its session.json, before `generation`.

        Raises
        ------
        RecordingError
            If it is running at this moment, or the disk refuses.
        """
        if is_running(folder):
            raise RecordingError(
                f"A run is resumed after it has ended; that in '{folder}' is running at this moment. End it, and resume it then."
            )
        files = cls(folder, str(about["run"]))
        about = {**about, "resumed": [*about["resumed"], {"at": now(), "generation": generation}]}
        files._describe(about, plan)
        files._open()
        return files

    def keep(self, state: State, result: GenerationResult | None, pictures: GenerationPictures) -> None:
        """Write the state before its generation, with the result of the one before it; then that generation's pictures.

        Raises
        ------
        RecordingError
            If the disk refuses; the states before are intact.
        """
        path = self.folder / STATES / f"g{state.generation:04d}.npz"
        write_whole(path, pack_state(self.run, state, result))
        for picture, kind in pictures.kinds.items():
            name = picture.id.replace("/", "_") if kind == "natural" else picture.label
            self._picture(self.folder / "pictures" / f"{name}.png", picture.image)

    def note(self, outcome: Outcome) -> None:
        """Add a presentation to responses.jsonl, on disk at once; RecordingError if the disk refuses."""
        showing = outcome.showing
        line = {
            "number": showing.number,
            "generation": showing.generation,
            "id": showing.picture.id,
            "kind": showing.kind,
            "repeat": showing.repeat,
            "attempt": showing.attempt,
            "again": showing.again,
            "due_s": showing.due_s,
            "onset_s": None if math.isnan(showing.onset_s) else showing.onset_s,
            "response": outcome.response,
            "became": outcome.became,
            "why": outcome.why,
        }
        try:
            if self._responses is not None:
                self._responses.write(json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise _refused(self.folder / RESPONSES, error) from error

    def close(self) -> None:
        """Close responses.jsonl and let go of the folder; when all workers have ended."""
        self._lock.release()
        if self._responses is not None:
            with suppress(OSError):
                self._responses.close()
            self._responses = None

    def _describe(self, about: dict[str, Any], plan: EvolutionPlan) -> None:
        for name in (STATES, "pictures"):
            make_folder(self.folder / name)
        told = plan.about | {"settings": without_home(plan.about["settings"])}
        write_whole(self.folder / SESSION, as_json({**about, **told, "ended": None, "versions": versions()}))

    def _open(self) -> None:
        """Unbuffered, so that a kill loses nothing; a line that was cut by one is ended first."""
        path = self.folder / RESPONSES
        try:
            written = path.read_bytes() if path.exists() else b""
            self._responses = path.open("ab", buffering=0)
            if written and not written.endswith(b"\n"):
                self._responses.write(b"\n")
        except OSError as error:
            raise _refused(path, error) from error

    def _picture(self, path: Path, image: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        try:
            Image.fromarray(image).save(path, compress_level=1)
        except OSError as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise _refused(path, error) from error


def pack_state(run: str, state: State, result: GenerationResult | None) -> bytes:
    """A state, and the result that led to it, as an npz file: arrays, and a JSON text that says what they are."""
    arrays: dict[str, Any] = {"codes": state.codes, "numbers": np.array(list(state.numbers.values()), np.float64)}
    arrays |= {f"optimiser/{name}": array for name, array in state.arrays.items()}
    space = state.space
    about: dict[str, Any] = {
        "format": FORMAT,
        "run": run,
        "optimiser": dict(state.optimiser),
        "space": {"dim": space.dim, "truncation": space.truncation, "generator_sha256": space.generator_sha256},
        "seed": state.seed,
        "generation": state.generation,
        "numbers": list(state.numbers),
    }
    if state.best is not None:
        arrays["best"] = state.best.code
        about["best"] = {
            "score": state.best.score,
            "generation": state.best.generation,
            "index": state.best.index,
        }
    if result is not None:
        champion = result.champion
        arrays |= {"evolved": result.evolved, "prior": result.prior, "average": result.average}
        arrays |= {"natural": np.array(list(result.natural.values()), np.float64), "champion": champion.image}
        about["result"] = {
            "generation": result.generation,
            "natural": list(result.natural),
            "champion": {"id": champion.id, "score": champion.score, "n_responses": champion.n_responses},
        }
    return pack_arrays(about=np.frombuffer(as_json(about), np.uint8), **arrays)


def make_folder(path: Path) -> None:
    """Make a folder if it is not there; RecordingError if the disk refuses."""
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise _refused(path, error) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` whole or not at all, and on disk before this returns; RecordingError if the disk refuses."""
    draft = path.with_suffix(path.suffix + ".part")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise _refused(path, error) from error


def as_json(content: dict[str, Any]) -> bytes:
    """`content` as a JSON text."""
    return json.dumps(content, indent=1, allow_nan=False).encode() + b"\n"


def _refused(path: Path, error: OSError) -> RecordingError:
    return RecordingError(
        f"The run was to be kept in '{path}'; writing failed: {error.strerror or error}. All generations before are kept. "
        "Free space on the disk, then resume the run."
    )
