"""What stands for a participant is a code: a name is refused where it can be told, and doubted where it may be one."""

from __future__ import annotations

import pytest

from bci_app.contract.errors import SettingsError
from bci_app.engine.participant_code import check_code, warning


@pytest.mark.parametrize("code", ["Anna Smith", "anna.smith", "anna@example.org", "Zoë", "", "x" * 33, "P07\n", "٣٣٣"])
def test_what_can_only_be_a_name_or_an_address_is_refused(code: str) -> None:
    with pytest.raises(SettingsError, match="Use a code such as P07"):
        check_code(code)


@pytest.mark.parametrize(
    ("code", "doubted"), [("Anna", True), ("anna-smith", True), ("P07", False), ("Anna1", False), ("VP", False)]
)
def test_letters_alone_are_taken_and_doubted(code: str, doubted: bool) -> None:
    assert check_code(code) == code
    assert bool(warning(code)) is doubted
