"""What the desktop program remembers between two starts: who is recorded, from which stream, with which models."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_config_path, user_data_path
from pydantic import Field, ValidationError

from bci_app.contract.checks import faults
from bci_app.contract.errors import SettingsError
from bci_app.engine.participant_code import Code
from bci_app.engine.settings import Frozen, StreamChoice, parse_settings

FILE = "workplace.json"
MOST_LETTERS = 4096
"""Of what stands in a field."""
_MOST_STREAMS = 30
"""Whose bad channels are remembered: of 1024 electrodes each, a third of the largest file."""
_LARGEST = 1_000_000
"""Bytes of a file that is read at all."""

Fields = Annotated[
    dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=MOST_LETTERS)]], Field(max_length=50)
]
"""What stands in a form: texts by the names of its fields."""
Sizes = Annotated[tuple[Annotated[int, Field(ge=0, le=100_000)], ...], Field(max_length=10)]


def default_runs() -> Path:
    """Where sessions are kept unless another folder is chosen: in the user's data folder."""
    return user_data_path("bci-app", appauthor=False) / "runs"


def default_file() -> Path:
    """Where the workplace is kept: in the user's configuration folder."""
    return user_config_path("bci-app", appauthor=False) / FILE


class View(Frozen):
    """How the page Signal shows a stream; what a stream cannot have is not shown of it.

    Attributes
    ----------
    band, reference, map_band : str
        See `bci_app.engine.viewing` and the bands of the map.
    notch_hz : float or None
        Line frequency that is taken out.
    sweeps : bool
        Whether new samples overwrite old ones in place.
    scale_uv, span_s : float or None
        Distance between rows and length of the picture, of EEG; None for the usual ones.
    """

    band: str = Field(default="1 to 40 Hz", max_length=100)
    notch_hz: float | None = None
    reference: str = Field(default="", max_length=1000)
    sweeps: bool = False
    scale_uv: float | None = Field(default=None, gt=0)
    span_s: float | None = Field(default=None, gt=0)
    map_band: str = Field(default="alpha", max_length=100)


class Workplace(Frozen):
    """What is remembered; every field has a default, so the first start needs no file.

    Attributes
    ----------
    participant : str
        A code, never a name; empty before one was given.
    stream : StreamChoice or None
        The stream that was chosen, by name and source_id, with its marker stream.
    decoder, generator, text_decoder : Path or None
        Bundles; None before one was chosen, or for those that come with the program.
    device : {"auto", "cpu", "gpu"}
        Where models run.
    appearance : {"dark", "light"}
        Of the window.
    geometry : str
        Size and place of the window, as the window wrote it.
    page : str
        Title of the page that was open.
    splits : dict of str to tuple of int
        Where movable lines between panels were put, by page and number: the sizes of what they part, in pixels.
    runs : Path
        The folder of sessions.
    bad_channels : dict of str to tuple of str
        Channels marked bad, by `stream_key`.
    forms : dict of str to dict of str to str
        What stood in the forms of the pages when they were last left, by the title of the page and the name of the field.
    view : View
        How the signal is shown.
    """

    participant: Code = ""
    stream: StreamChoice | None = None
    decoder: Path | None = None
    generator: Path | None = None
    text_decoder: Path | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    appearance: Literal["dark", "light"] = "dark"
    geometry: str = Field(default="", max_length=10_000)
    page: str = Field(default="", max_length=100)
    splits: dict[Annotated[str, Field(max_length=100)], Sizes] = Field(default_factory=dict, max_length=50)
    runs: Path = Field(default_factory=default_runs)
    bad_channels: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    view: View = View()
    forms: dict[Annotated[str, Field(max_length=100)], Fields] = Field(default_factory=dict, max_length=20)

    @property
    def bad(self) -> tuple[str, ...]:
        """Channels of the chosen stream that are marked bad."""
        return () if self.stream is None else self.bad_channels.get(stream_key(self.stream), ())

    def with_bad(self, channels: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """`bad_channels` with those of the chosen stream replaced by `channels`; of very many streams the last that were marked.

        Raises
        ------
        SettingsError
            If no stream is chosen.
        """
        if self.stream is None:
            raise SettingsError("Channels are marked bad for a stream; none is chosen. Choose one on the page Connect.")
        others = {key: names for key, names in self.bad_channels.items() if key != stream_key(self.stream)}
        marked = others | ({stream_key(self.stream): channels} if channels else {})
        return dict(list(marked.items())[-_MOST_STREAMS:])

    def changed(self, **fields: Any) -> Workplace:
        """The same with other `fields`; SettingsError names those that cannot be meant."""
        return parse_settings(Workplace, self.model_dump() | fields, "The choice")


def stream_key(stream: StreamChoice) -> str:
    """What a stream is remembered by: its source_id, or its name if it has none."""
    return stream.source_id or stream.name or ""


def load_workplace(file: Path) -> tuple[Workplace, str]:
    """What was remembered in `file`, and what the user should know of the reading: empty if all went well.

    A file that cannot be read is kept aside under another name, and the program begins with the defaults.
    """
    try:
        if file.stat().st_size > _LARGEST:
            return Workplace(), _aside(file, f"it holds more than {_LARGEST:,} bytes")
        return Workplace.model_validate_json(file.read_text("utf-8")), ""
    except FileNotFoundError:
        return Workplace(), ""
    except OSError as error:
        return (
            Workplace(),
            f"What was chosen last time cannot be read: {file}: {error.strerror}. Check its permissions.",
        )
    except ValidationError as error:
        return Workplace(), _aside(file, faults(error))
    except (SettingsError, ValueError, RecursionError) as error:
        return Workplace(), _aside(file, str(error))


def _aside(file: Path, reason: str) -> str:
    """Put a broken file out of the way; what to tell of it."""
    for number in range(1, 100):
        aside = file.with_name(f"{file.stem}.broken-{number}{file.suffix}")
        if aside.exists():
            continue
        with suppress(OSError):
            file.rename(aside)
            return f"What was chosen last time cannot be meant: {reason}. It is kept as '{aside}'; choose anew."
        break
    return f"What was chosen last time cannot be meant: {reason}. Choose anew; '{file}' is replaced."


def save_workplace(file: Path, workplace: Workplace) -> None:
    """Write whole or not at all; the folder is made, and both are for the user alone.

    Raises
    ------
    SettingsError
        If the disk refuses.
    """
    draft = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
            opened.write(workplace.model_dump_json(indent=1) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(draft, file)
    except OSError as error:
        raise SettingsError(
            f"What you choose is remembered in '{file}'; it cannot be written: {error.strerror}. Free space or change its "
            "permissions; until then the choice holds for this start alone."
        ) from None
