"""What a bundle says of itself: frozen, unknown keys refused, one class per kind."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError, model_validator

from bci_app.contract.anonymity import without_folders
from bci_app.contract.checks import faults
from bci_app.contract.errors import BciError, BundleCorruptError, BundleVersionError, SettingsError
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.reading import Reads, SentenceSpec
from bci_app.contract.windowing import TrialSpec, WindowSpec

FORMAT_VERSION = 1
"""Version of the contract written by this program, and the newest one it reads."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Dim = int | str
"""Length of an axis; a word for one that may have any length, such as ``"batch"``."""


DecoderKind = Literal["eeg-decoder", "fmri-decoder", "spike-decoder"]
_SIGNALS: dict[DecoderKind, tuple[str, str]] = {
    "eeg-decoder": ("EEG", "channels"),
    "fmri-decoder": ("fMRI", "voxels"),
    "spike-decoder": ("spike counts", "neurons"),
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FileEntry(_Frozen):
    """Hash and size in bytes of one file of the bundle."""

    sha256: Sha256
    size: int = Field(ge=0)


class TensorSpec(_Frozen):
    """One input or output of a graph: its name, axes, number type and shape."""

    name: str
    axes: tuple[str, ...]
    dtype: Literal["float32", "uint8", "int64"]
    shape: tuple[Dim, ...]

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if len(self.axes) != len(self.shape):
            raise SettingsError(f"Tensor '{self.name}' names {len(self.axes)} axes for a shape of {len(self.shape)}.")
        return self


class LatentSpace(_Frozen):
    """The space decoder and generator meet in; `generator_sha256` is the digest of the generator's graph file."""

    id: str
    dim: int = Field(ge=1, le=65536)
    prior: Literal["normal"] = "normal"
    truncation: float | None = Field(default=None, gt=0)
    generator_sha256: Sha256


class Golden(_Frozen):
    """Inputs and outputs kept with the bundle, and how far a graph may be off them: |got - kept| <= atol + rtol |kept|."""

    file: str = "golden.npz"
    atol: float = Field(ge=0, le=1)
    rtol: float = Field(ge=0, le=0.1)


class Provenance(_Frozen):
    """Where the bundle comes from and the command that makes it again; a bundle is handed on, so it names nobody's folders."""

    created: str
    command: str
    commit: str
    recipe: dict[str, JsonValue]
    data: tuple[str, ...]
    licence: str
    versions: dict[str, str]

    @model_validator(mode="before")
    @classmethod
    def _names_nobody(cls, content: Any) -> Any:
        return without_folders(content)


class Score(_Frozen):
    """One figure with its 95 % interval, beside chance, a noise-input control and a shuffled-pairing control.

    A control that makes no sense for the figure is null. `held_out` says in words what was kept out of training.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    noise_input: float | None = None
    shuffled_pairing: float | None = None
    n: int = Field(ge=0)
    held_out: str


class _Common(_Frozen):
    format_version: Literal[1] = 1
    name: str = Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    files: dict[str, FileEntry] = {}
    golden: Golden
    provenance: Provenance
    metrics: tuple[Score, ...] = ()
    seal: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Digest of everything else in the manifest, the hashes of the files included."""


class _WithLatents(_Common):
    latent_space: LatentSpace
    latent_mean: tuple[float, ...]
    """Mean latent of what it was trained on, which identification subtracts."""

    @model_validator(mode="after")
    def _mean_fits(self) -> Self:
        if len(self.latent_mean) != self.latent_space.dim:
            raise SettingsError(
                f"latent_mean must have {self.latent_space.dim} numbers, as the latent space; got {len(self.latent_mean)}."
            )
        return self


class GeneratorManifest(_WithLatents):
    """Latent -> picture (``generator.onnx``) and, unless it only draws, picture -> latent (``encoder.onnx``)."""

    kind: Literal["generator"] = "generator"
    image_size: int = Field(ge=8, le=2048)

    @property
    def has_encoder(self) -> bool:
        """Whether it reads pictures too, which is what a decoder is learnt and scored with."""
        return "image" in {tensor.name for tensor in self.inputs}


class DecoderManifest(_WithLatents):
    """Window of a brain signal -> latent (``decoder.onnx``), with the noise model of its twin (``noise.npz``).

    The channels are electrodes, voxels or neurons, by `kind`.
    """

    kind: DecoderKind = "eeg-decoder"
    preprocessing: PreprocessingSpec
    cut: TrialSpec | WindowSpec
    trained_on: tuple[str, ...] = ()
    """Ids of the pictures it was trained on, so that none of them is shown to test it."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Channel names in the order the decoder was made with."""
        return self.preprocessing.channels

    @property
    def signal(self) -> str:
        """What it reads, in words: ``"EEG"``, ``"fMRI"`` or ``"spike counts"``."""
        return _SIGNALS[self.kind][0]

    @property
    def channel_word(self) -> str:
        """What its channels are: ``"channels"``, ``"voxels"`` or ``"neurons"``."""
        return _SIGNALS[self.kind][1]

    @property
    def sfreq(self) -> float:
        """Rate in Hz that the stream must have."""
        return self.preprocessing.sfreq


class ImageModelManifest(_Common):
    """Picture -> one number per class (``model.onnx``); each of its layers can be looked into and driven."""

    kind: Literal["image-model"] = "image-model"
    image_size: int = Field(ge=8, le=2048)
    classes: tuple[str, ...] = ()
    """What the numbers of its output stand for, in their order; none if they are no classes."""

    @model_validator(mode="after")
    def _classes_fit(self) -> Self:
        n_scores = self.outputs[0].shape[-1] if self.outputs else 0
        if self.classes and len(self.classes) != n_scores:
            raise SettingsError(f"classes must name the {n_scores} numbers of the output; got {len(self.classes)}.")
        return self


class Tokens(_Frozen):
    """The tokenizer (``tokenizer.json``) and its special tokens.

    Attributes
    ----------
    vocab_size : int
        Tokens it knows, which is also how many numbers a decoder step gives.
    first : int
        The token that generation starts from.
    forced : int or None
        The token that must come after it, as BART wants; None for none.
    stop : int
        The token that ends a sentence.
    sample, sample_tokens : str, tuple of int
        A sentence and its tokens, special ones left out: another tokenizer of the same size gives others.
    """

    vocab_size: int = Field(ge=4, le=1_000_000)
    first: int = Field(ge=0)
    forced: int | None = Field(default=None, ge=0)
    stop: int = Field(ge=0)
    sample: str = Field(min_length=1)
    sample_tokens: tuple[int, ...] = Field(min_length=1)


class Generation(_Frozen):
    """How text is generated: always free-running, each token from those that were generated before it.

    Attributes
    ----------
    max_tokens : int
        Tokens after the first at most, the forced and the stop token included.
    n_beams : int
        Hypotheses kept; 1 is greedy.
    length_penalty : float
        The summed log probability is divided by the number of tokens to this power (beams alone).
    repetition_penalty : float
        Logits of tokens already generated are divided by it if positive, else multiplied (Keskar et al. 2019); 1 for none.
    """

    max_tokens: int = Field(default=56, ge=2, le=1000)
    n_beams: int = Field(default=1, ge=1, le=64)
    length_penalty: float = Field(default=1.0, ge=-5, le=5)
    repetition_penalty: float = Field(default=1.0, ge=1, le=10)


class TextManifest(_Common):
    """Sentence of EEG -> text: ``encoder.onnx`` once per sentence, ``step.onnx`` once per token, with a key/value cache.

    ``encoder.onnx`` takes ``signal`` float32 (1, n_words, n_channels, n_times), (1, n_channels, n_times) or (1, n_words,
    n_features), by `reads`, and gives ``cross_keys`` and ``cross_values`` (n_layers, 1, n_heads, n_states, head_dim),
    ``codes`` int64 (1, n_states) and ``embedding`` float32 (1, dim), what is compared with sentences. ``step.onnx`` takes
    ``token`` int64 (batch, 1), ``past_keys`` and ``past_values`` (n_layers, batch, n_heads, n_past, head_dim) and the two of
    the encoder, and gives ``logits`` float32 (batch, vocab_size), ``keys`` and ``values`` with one more step.
    ``noise.npz`` holds the noise that its twin reads: a window per word, stretches of `noise_n_times` samples that are joined,
    or rows of features with one sample.
    """

    kind: Literal["eeg-text"] = "eeg-text"
    reads: Reads
    preprocessing: PreprocessingSpec | None = None
    """None for features that were computed elsewhere: no live stream carries them."""
    sentence: SentenceSpec = SentenceSpec()
    noise_n_times: int = Field(ge=1)
    tokens: Tokens
    generation: Generation = Generation()
    n_codes: int = Field(ge=2)
    """Codes in the codex."""
    trained_on: tuple[str, ...] = ()
    """Sentences it was trained on, so that none of them is shown to test it."""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        live = self.reads != "word-features"
        if live != (self.preprocessing is not None) or (live and self.sentence.reads != self.reads):
            raise SettingsError(
                f"A model that reads {self.reads} must {'' if live else 'not '}say how the signal is preprocessed"
                f"{', and cut it so' if live else ''}."
            )
        return self

    signal: ClassVar[str] = "EEG"
    channel_word: ClassVar[str] = "channels"


Manifest = GeneratorManifest | DecoderManifest | ImageModelManifest | TextManifest
_READER: TypeAdapter[Manifest] = TypeAdapter(Annotated[Manifest, Field(discriminator="kind")])
KINDS = ("generator", "image-model", "eeg-text", *get_args(DecoderKind))


def parse_manifest(raw: dict[str, Any], where: str) -> Manifest:
    """The manifest in `raw`, the parsed ``manifest.json`` of the bundle called `where`.

    Raises
    ------
    BundleVersionError
        If it was written by a newer program, or is of a kind this one does not know.
    BundleCorruptError
        If a field is missing, unknown or impossible; the message names each.
    """
    version, kind = raw.get("format_version"), raw.get("kind")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise BundleVersionError(
            f"Bundle '{where}' has format version {version}; this program reads up to {FORMAT_VERSION}. "
            "Update the program, or export the bundle again with the version you have."
        )
    if kind not in KINDS:
        raise BundleVersionError(
            f"Bundle '{where}' is of kind {kind!r}; this program reads {', '.join(KINDS)}. "
            "A newer version of the program may read it."
        )
    try:
        return _READER.validate_python(raw)
    except (ValidationError, BciError) as error:
        details = faults(error) if isinstance(error, ValidationError) else str(error)
        raise BundleCorruptError(
            f"The manifest of bundle '{where}' does not follow the contract (version {FORMAT_VERSION}): {details}. "
            "Export the bundle again; do not edit it by hand."
        ) from None
