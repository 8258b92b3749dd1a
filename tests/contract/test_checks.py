"""Messages name what is wrong, and stay readable with twenty thousand voxels."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.checks import channel_order, check_finite, listed
from bci_app.contract.errors import ChannelError, SignalError

VOXELS = tuple(f"v{number}" for number in range(20_000))


def test_very_many_names_are_counted_and_a_large_cap_is_named_whole() -> None:
    assert listed(VOXELS[:64]) == ", ".join(VOXELS[:64])
    assert listed(VOXELS) == ", ".join(VOXELS[:64]) + " and 19936 more"
    assert listed(()) == ""


def test_twenty_thousand_voxels_are_put_in_order_and_a_missing_one_is_named() -> None:
    turned = VOXELS[::-1]
    np.testing.assert_array_equal(channel_order(VOXELS, turned, "The session", "stream 's'"), np.arange(19_999, -1, -1))
    with pytest.raises(ChannelError, match=r"needs channel\(s\) x; stream 's' has v0, .* and 19936 more\.") as refused:
        channel_order((*VOXELS, "x"), VOXELS, "The session", "stream 's'")
    assert len(str(refused.value)) < 1000


def test_voxels_of_nan_are_counted() -> None:
    with pytest.raises(SignalError, match=r"channel\(s\) v0, .* and 19936 more hold NaN"):
        check_finite(np.full((20_000, 1), np.nan), VOXELS, "The signal")
