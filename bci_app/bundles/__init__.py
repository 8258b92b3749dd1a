"""The models that come with the program, each a bundle folder beside this file."""

from __future__ import annotations

from pathlib import Path

from bci_app.contract.errors import BundleError


def shipped(name: str) -> Path:
    """Folder of the bundle `name` that comes with the program.

    Raises
    ------
    BundleError
        If there is none of that name; the message lists those there are.
    """
    here = Path(__file__).parent
    folder = here / name
    if not (folder / "manifest.json").is_file():
        present = ", ".join(sorted(each.parent.name for each in here.glob("*/manifest.json"))) or "none"
        raise BundleError(
            f"The program should come with the bundle '{name}'; it has {present}. Install it again from its wheel."
        )
    return folder
