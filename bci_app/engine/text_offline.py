"""The offline run of a recording of sentences: the same preprocessor, cutter and reader, in one call and without threads."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bci_app.contract.errors import SignalError
from bci_app.contract.preprocessing import preprocess_recording
from bci_app.contract.signal import Recording
from bci_app.engine.live_text import NumberedSentences, SentenceMarkers, SentenceReading, TextReader
from bci_app.engine.offline import in_decoder_order
from bci_app.engine.text_plan import live_spec
from bci_app.inference.text import ReadText, TextDecoder


@dataclass(frozen=True, slots=True, eq=False)
class OfflineText:
    """What was read: of each sentence the reading and that of its noise twin; numbers of those not read, with the reason."""

    readings: tuple[SentenceReading, ...]
    noise: tuple[ReadText, ...]
    dropped: tuple[tuple[int, str], ...]


def read_text_offline(recording: Recording, decoder: TextDecoder, seed: int = 0) -> OfflineText:
    """Read all sentences of a recording as the live program would.

    Parameters
    ----------
    recording : Recording
        Raw EEG with the markers of sentences and words.
    decoder : TextDecoder
        Opened.
    seed : int
        Of the noise twin.

    Raises
    ------
    BundleError
        If the model reads what no recording carries.
    ChannelError, RateError, UnitError, SignalError
        If the recording is not of the kind the model was made for, or a sample is not a finite number.
    """
    manifest = decoder.manifest
    spec = live_spec(manifest)
    recording = in_decoder_order(recording, spec, f"Bundle '{manifest.name}'")
    store = preprocess_recording(recording, spec)
    markers = SentenceMarkers(manifest.sentence)
    sentences = NumberedSentences(manifest.sentence, store.sfreq, spec.decimation)
    for marker in recording.markers:
        sentences.add(markers.hear(marker))
    found = sentences.due(store)
    sentences.drop_pending("the recording ended before it was complete")
    reader, dropped = TextReader(decoder, lambda: math.nan, seed), sentences.take_dropped()
    pairs = []
    for sentence in found:
        try:
            pairs.append((reader.read(sentence), reader.read_noise(sentence)))
        except SignalError as error:
            dropped.append((sentence.number, str(error)))
    return OfflineText(
        tuple(reading for reading, _ in pairs), tuple(noise for _, noise in pairs), tuple(sorted(dropped))
    )
