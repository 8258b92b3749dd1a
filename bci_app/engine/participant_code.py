"""What may stand for a participant in settings, files and names: a code, never a name."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from bci_app.contract.errors import SettingsError

_SHORTEST_NAME = 3
_CODE = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


def check_code(code: str) -> str:
    """`code`, if it can stand for a participant without naming one.

    Raises
    ------
    SettingsError
        If it holds anything but 1 to 32 letters of a to z, digits, "-" and "_".
    """
    if not _CODE.fullmatch(code):
        raise SettingsError(
            "A participant's code is made of 1 to 32 letters (a to z), digits, '-' and '_', so that it cannot be a name or an "
            f"address; got {code[:40]!r}. Use a code such as P07, and keep the list of names elsewhere."
        )
    return code


def warning(code: str) -> str:
    """What to say of a code that may be a name, which is one of three letters and more without any digit; else empty."""
    if any(letter.isdigit() for letter in code) or sum(letter.isalpha() for letter in code) < _SHORTEST_NAME:
        return ""
    return (
        f"'{code}' may be a name. It will stand in files and be exported with them: if it names somebody, use a code such as P07 "
        "instead, and keep the list of names elsewhere."
    )


def _code_or_none(code: str) -> str:
    return check_code(code) if code else code


Code = Annotated[str, AfterValidator(_code_or_none)]
"""A participant's code; empty where none was given."""
