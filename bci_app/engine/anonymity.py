"""What is kept of a session without what names a person or a device: home folder, user name in paths, serial numbers."""

from __future__ import annotations

import getpass
import re
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
    folders = _folders()

    def clean(value: Any) -> Any:
        match value:
            case str():
                return _without(folders, value)
            case dict():
                return {key: None if key == "source_id" else clean(each) for key, each in value.items()}
            case list() | tuple():
                return [clean(each) for each in value]
        return value

    return clean(content)


def _without(folders: list[tuple[str, str]], text: str) -> str:
    for pattern, instead in folders:
        text = re.sub(pattern, instead, text)
    return text


def _folders() -> list[tuple[str, str]]:
    """Patterns of what names the user, and what stands in their place."""
    found = []
    with suppress(RuntimeError, OSError):  # a user without a home
        home = Path.home()
        if len(home.parts) > 1:
            found.append((re.escape(str(home)) + _ENDS, "~"))
    with suppress(OSError, KeyError, ImportError):  # a user without a name
        found.append((rf"(?<=[/\\]){re.escape(getpass.getuser())}(?=[/\\])", "~"))
    return found
