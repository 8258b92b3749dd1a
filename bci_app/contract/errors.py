"""Every error that a user can meet, as one tree.

BciError
├── SettingsError            a recipe, configuration or command line that cannot be meant
├── SignalError              samples that cannot be what they claim: NaN, flat, wrong shape
│   ├── ChannelError         a channel is missing, doubled or in another order
│   ├── RateError            another sampling rate than was agreed
│   └── UnitError            another unit than was agreed
├── StreamError              Lab Streaming Layer
│   ├── NoStreamError        nothing on the network answers the description
│   ├── AmbiguousStreamError several streams answer it
│   └── StreamLostError      the stream ended and did not come back
├── BundleError              a model folder
│   ├── BundleCorruptError   a file is missing, cut or changed
│   ├── BundleVersionError   written by another version of the contract
│   ├── BundleUnsafeError    reaches outside its folder or asks for code
│   └── LatentSpaceError     decoder and generator were not made for each other
├── DeviceError              the GPU that was required is not used
├── PictureError             a picture, or a folder of them, that cannot be read
└── RecordingError           a recording that cannot be read or written whole

The message of each says what was expected, what came, and what to do. The command line prints it as one
paragraph and exits with status 1; only an error outside this tree shows a traceback.
"""

from __future__ import annotations


class BciError(Exception):
    """An error whose message is meant for the person at the program."""


class SettingsError(BciError):
    """A recipe, configuration or command line that cannot be meant."""


class SignalError(BciError):
    """Samples that cannot be what they claim."""


class ChannelError(SignalError):
    """A channel is missing, doubled or unknown."""


class RateError(SignalError):
    """Another sampling rate than was agreed."""


class UnitError(SignalError):
    """Another unit than was agreed."""


class StreamError(BciError):
    """Something on the Lab Streaming Layer side."""


class NoStreamError(StreamError):
    """Nothing on the network answers the description."""


class AmbiguousStreamError(StreamError):
    """Several streams answer the description."""


class StreamLostError(StreamError):
    """The stream ended and did not come back."""


class BundleError(BciError):
    """A model folder that cannot be used."""


class BundleCorruptError(BundleError):
    """A file of the bundle is missing, cut or changed."""


class BundleVersionError(BundleError):
    """Written by another version of the contract."""


class BundleUnsafeError(BundleError):
    """A bundle that reaches outside its folder or asks for code."""


class LatentSpaceError(BundleError):
    """A decoder and a generator that were not made for each other."""


class DeviceError(BciError):
    """The device that was required is not used."""


class PictureError(BciError):
    """A picture, or a folder of pictures, that cannot be read."""


class RecordingError(BciError):
    """A recording that cannot be read or written whole."""
