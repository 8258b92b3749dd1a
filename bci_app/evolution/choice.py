"""Every optimiser by its ``kind``, so that recipes and settings can name one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bci_app.evolution.optimiser import RandomSearch

AnyOptimiser = Annotated[RandomSearch, Field()]
"""One of the optimisers, told apart by ``kind``."""
