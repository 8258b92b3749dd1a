"""Marks of bad channels are read, put together and obeyed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import ChannelError, RecordingError
from bci_app.contract.signal import Recording
from bci_app.streams.bad_channels import FILE, bad_in_any, read_bad_channels, without_channels


@pytest.mark.parametrize("content", ["", "[]", '{"bad": "Oz"}', '{"bad": [1]}', '{"bad": [], "more": 1}', "\0"])
def test_a_broken_file_is_refused_in_words(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(RecordingError, match="delete it"):
        read_bad_channels(tmp_path)


def test_what_is_bad_in_one_recording_is_bad_for_all(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder, content in zip(folders, ('{"bad": ["T7", "Oz"]}', None, '{"bad": ["Fz", "T7"]}'), strict=True):
        folder.mkdir()
        if content:
            (folder / FILE).write_text(content)
    assert bad_in_any(folders) == ("T7", "Oz", "Fz")
    assert bad_in_any([folders[1], tmp_path / "gone.xdf"]) == ()


def test_channels_are_left_out_by_name_and_all_of_them_cannot_be() -> None:
    whole = Recording(np.arange(6.0).reshape(3, 2), np.arange(2.0), ("a", "b", "c"), 1.0)
    assert without_channels(whole, ("elsewhere",)) is whole
    less = without_channels(whole, ("b", "elsewhere"))
    assert less.channels == ("a", "c")
    np.testing.assert_array_equal(less.data, [[0, 1], [4, 5]])
    with pytest.raises(ChannelError, match="all of 'recording' are marked so: a, b, c"):
        without_channels(whole, "abc")
