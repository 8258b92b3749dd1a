"""What can end a training run, besides the errors of the program."""

from __future__ import annotations

from bci_app.contract.errors import BciError


class TrainingError(BciError):
    """A run that cannot go on; what it saved before is kept."""


class DiskError(BciError):
    """A run folder that cannot be written."""
