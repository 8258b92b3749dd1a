"""What is kept of a session or a bundle without what names a person or a device: home folder, user name, serial numbers."""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_ENDS = r"(?=[/\\\s'\",;:)\]]|\.(?:\s|$)|$)"
"""What may follow the name of a folder in a sentence, so that /home/anna is not found in /home/annabel."""


def nameless(content: Any) -> Any:
    """`content`, plain values as JSON holds them, to be kept in a session's folder and handed on with it.

    In its texts the home folder becomes ``~``, and so does the user's name as a folder anywhere else (``/media/NAME/DISK``). The
    ``source_id`` of a stream, which for most devices is a serial number, becomes null.
    """
    return _each_text(without_folders(content), str, dropped="source_id")


def without_folders(content: Any) -> Any:
    """The same of a recipe, whose ``source_id`` is a simulated one's and without which nobody could follow it."""
    folders = [*_home(), *_user()]
    return _each_text(content, lambda text: _without(folders, text))


def without_home(content: Any) -> Any:
    """What is read again, see `at_home`, of which only the home folder becomes ``~``."""
    home = _home()
    return _each_text(content, lambda text: _without(home, text))


def at_home(content: Any) -> Any:
    """`content` with paths below ``~`` below the home folder again, whoever's it is now."""
    return _each_text(content, _expanded)


def _each_text(value: Any, change: Callable[[str], str], dropped: str | None = None) -> Any:
    """`value` with all of its texts changed, and null for what is called `dropped`."""
    match value:
        case str():
            return change(value)
        case dict():
            return {key: None if key == dropped else _each_text(each, change, dropped) for key, each in value.items()}
        case list() | tuple():
            return [_each_text(each, change, dropped) for each in value]
    return value


def _expanded(text: str) -> str:
    if text.startswith(("~/", "~\\")):
        with suppress(RuntimeError):
            return str(Path(text).expanduser())
    return text


def _without(folders: list[tuple[str, str]], text: str) -> str:
    for pattern, instead in folders:
        text = re.sub(pattern, instead, text)
    return text


def _home() -> list[tuple[str, str]]:
    """The pattern of the home folder, and what stands in its place; none of a user without a home."""
    with suppress(RuntimeError, OSError):
        home = Path.home()
        if len(home.parts) > 1:
            return [(re.escape(str(home)) + _ENDS, "~")]
    return []


def _user() -> list[tuple[str, str]]:
    """The same of the user's name as a folder; none of a user without a name."""
    with suppress(OSError, KeyError, ImportError):
        return [(rf"(?<=[/\\]){re.escape(getpass.getuser())}(?=[/\\])", "~")]
    return []
