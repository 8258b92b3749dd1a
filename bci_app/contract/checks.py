"""Checks at public doors; each composes the sentence that the user reads."""

from __future__ import annotations

import reprlib
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from bci_app.contract.errors import ChannelError, RateError, SignalError

_NAMED = 64
"""Channels named in a message at most: those of a large cap, but not twenty thousand voxels."""


def listed(names: Sequence[str]) -> str:
    """The names, in a message; of very many the first ones, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


_PLAINLY = {
    "extra_forbidden": ": there is no such key, check the spelling",
    "tuple_type": ", that is a list such as [a, b]",
}
"""What is added to pydantic's words, by its name for the fault."""


def plainly(kind: str, message: str) -> str:
    """What pydantic says of a fault of some kind, and what that means where it speaks as a programmer."""
    return " ".join(message.removeprefix("Value error, ").split()) + _PLAINLY.get(kind, "")


def faults(error: ValidationError) -> str:
    """Everything that pydantic found wrong, as part of a sentence: where, what, and what came."""
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc']) or 'all of it'}: {plainly(each['type'], each['msg'])}, "
        f"got {reprlib.repr(each['input'])}"
        for each in error.errors()
    )


def check_shape(array: NDArray[np.generic], expected: Sequence[int | None], what: str) -> None:
    """Raise SignalError unless `array` has the shape `expected`, where None stands for any length."""
    fits = array.ndim == len(expected) and all(
        want is None or want == got for want, got in zip(expected, array.shape, strict=True)
    )
    if not fits:
        wanted = "(" + ", ".join("any" if want is None else str(want) for want in expected) + ")"
        raise SignalError(f"{what} must have the shape {wanted}; got {array.shape}.")


_LEAVE_OUT = "Check the electrode or leave the channel out, and choose a decoder that does not need it."
_CONNECT = "Check that the electrode is connected and the amplifier's channel is switched on."


def check_finite(data: NDArray[np.floating], channels: Sequence[str], what: str, advice: str = _LEAVE_OUT) -> None:
    """Raise SignalError that names the channels of `data` (n_channels, n_times) that hold NaN or infinity."""
    finite = np.isfinite(data)
    if not finite.all():
        names = listed([name for name, is_good in zip(channels, finite.all(axis=-1), strict=True) if not is_good])
        raise SignalError(f"{what} must hold finite numbers; channel(s) {names} hold NaN or infinity. {advice}")


def flat_channels(data: NDArray[np.floating], channels: Sequence[str]) -> tuple[str, ...]:
    """Names of the channels of `data` (n_channels, n_times) whose samples are all the same number."""
    if data.shape[-1] < 2:
        return ()
    spread = np.ptp(data, axis=-1)
    return tuple(name for name, width in zip(channels, spread, strict=True) if width == 0)


def check_not_flat(data: NDArray[np.floating], channels: Sequence[str], what: str, advice: str = _CONNECT) -> None:
    """Raise SignalError that names the channels of `data` (n_channels, n_times) that do not move at all."""
    flat = flat_channels(data, channels)
    if flat:
        raise SignalError(f"{what} must vary; channel(s) {listed(flat)} are flat. {advice}")


def check_unique(channels: Iterable[str], what: str) -> None:
    """Raise ChannelError that names the channels that stand more than once."""
    doubled = [name for name, count in Counter(channels).items() if count > 1]
    if doubled:
        raise ChannelError(
            f"{what} must name each channel once; doubled: {listed(doubled)}. Rename them at the sender."
        )


def channel_order(wanted: Sequence[str], present: Sequence[str], needs: str, has: str) -> NDArray[np.intp]:
    """Indices into `present` that give the channels in the order `wanted`.

    Parameters
    ----------
    wanted, present : sequence of str
        Channel names.
    needs, has : str
        How the two sides are called in the message, such as ``"Bundle 'faces'"`` and ``"stream 'Muse'"``.

    Raises
    ------
    ChannelError
        If a wanted channel is missing, or a name is doubled.
    """
    check_unique(present, has[0].upper() + has[1:])
    position = {name: index for index, name in enumerate(present)}
    missing = [name for name in wanted if name not in position]
    if missing:
        raise ChannelError(
            f"{needs} needs channel(s) {listed(missing)}; {has} has {listed(present) or 'none'}. "
            "Choose another stream or another bundle, or rename the channels at the sender."
        )
    return np.array([position[name] for name in wanted], dtype=np.intp)


def check_rate(expected_hz: float, got_hz: float, needs: str, has: str) -> None:
    """Raise RateError unless the two rates agree within one part in a thousand."""
    if not abs(expected_hz - got_hz) <= 1e-3 * expected_hz:
        raise RateError(
            f"{needs} was made for {expected_hz:g} Hz; {has} runs at {got_hz:g} Hz. "
            "Set the amplifier to that rate or choose a bundle made for this one."
        )
