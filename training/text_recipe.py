"""The recipe of `train_text`: which readings, which language model, what reads them, and how both are trained."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bci_app.contract.manifest import Generation
from training.data.reading_settings import (
    AnyReadings,
    SimulatedParts,
    TableReadings,
    UniqueSentences,
    UniqueSubjects,
    ZucoReadings,
)
from training.data.simulated_readings import SimulatedReadingsSettings
from training.settings import BundleSettings, Count, Frozen, MachineSettings, Seed

NotNegative = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Dropout = Annotated[float, Field(ge=0, lt=1)]


class TextSettings(Frozen):
    """What tokenizer and language model learn from, beside the training sentences; held-out sentences are left out."""

    files: tuple[str, ...] = ()
    """Text files, see `training.data.texts.read_texts`."""
    n_simulated: Annotated[int, Field(ge=0)] = 0
    """Sentences per task of the simulated reader's grammar, of its part ``train``."""
    vocab_size: Annotated[int, Field(ge=262)] = 1500
    """Tokens at most; the first 261 are the special ones and the bytes. A pretrained model brings its own."""


class NoisySettings(Frozen):
    """What is done to the tokens that the language model restores; shares of the tokens, or of the sentences."""

    mask: Dropout = 0.1
    """Tokens behind a mask."""
    swap: Dropout = 0.1
    """Tokens that are others, as a misread word is."""
    drop: Dropout = 0.05
    """Tokens that are missing, as words are that nobody looked at."""
    infill: Dropout = 0.3
    """Sentences of which a stretch is behind one mask."""
    nothing: Dropout = 0.05
    """Sentences of which nothing is left but one mask: what the language model says by itself."""
    blanks: Annotated[int, Field(ge=0)] = 0
    """Masks at most before each token and behind the last, as between the steps of waves that tell words. They come in the
    second half of the training, ever more: with all of them from the start it learns to write without looking."""


class SmallBart(Frozen):
    """A small BART of our own, trained to restore noisy text."""

    kind: Literal["small"] = "small"
    d_model: Count = 128
    n_layers: Count = 2
    """Of the encoder, and again of the decoder."""
    n_heads: Count = 4
    hidden: Count = 256
    n_places: Annotated[int, Field(ge=8)] = 128
    dropout: Dropout = 0.1
    steps: Count = 2000
    batch_size: Annotated[int, Field(ge=2)] = 96
    learning_rate: Rate = 2e-3
    warm_up: Annotated[int, Field(ge=0)] = 100
    weight_decay: NotNegative = 1e-2
    noise: NoisySettings = NoisySettings()


class PretrainedBart(Frozen):
    """A BART that others have trained."""

    kind: Literal["pretrained"] = "pretrained"
    source: Annotated[str, Field(min_length=1)]
    """A folder with safetensors and tokenizer.json, or a name on the hub."""


class EncoderSettings(Frozen):
    """What reads the signal, before the codex."""

    whiten: bool = True
    """Take out what features (of waves: channels) have in common in the training signals; else only mean and spread."""
    width: Count = 128
    n_layers: Count = 2
    n_heads: Count = 4
    hidden: Count = 256
    dropout: Dropout = 0.1
    strides: Annotated[tuple[Count, ...], Field(min_length=1)] = (4, 4)
    """Of waves: what each convolution keeps one step in."""
    span: Count | None = None
    """Of waves: samples that the first convolution's filter spans, odd; null for twice its stride and one more."""
    kernel: Count = 9
    """Of waves: steps that a conformer's filter spans."""


class CodexSettings(Frozen):
    """DeWave's codex; `code_dim` numbers are enough to find the nearest code in."""

    n_codes: Annotated[int, Field(ge=2)] = 2048
    dim: Count = 512
    code_dim: Count | None = 32
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.99
    commitment: NotNegative = 0.25
    revive_below: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of what a code would stand for if all were used equally often, below which it is put elsewhere."""


class LossWeights(Frozen):
    """Weights of the parts of the loss, beside the commitment, which the codex weighs."""

    tokens: NotNegative = 1.0
    """Cross-entropy of the tokens of the sentence."""
    words: NotNegative = 0.5
    """Contrastive: each step finds the embedding of its word. Of waves, in which no word's time is known, the words of the
    sentence are found in their order, wherever they are (`training.text.order.in_order`)."""
    evenly: NotNegative = 0.0
    """Of waves: each word is found in the middle of an equal share of the sentence, a beginning for `words`."""
    sentences: NotNegative = 0.2
    """Contrastive: each signal finds its sentence."""
    label_smoothing: Dropout = 0.1
    """Of the tokens."""


class StageSettings(Frozen):
    """One stage of training."""

    epochs: Annotated[int, Field(ge=0)] = 20
    learning_rate: Rate = 1e-3
    language: NotNegative = 0.0
    """Share of the rate at which the language model learns; 0 leaves it as it is."""
    patience: Count = 5
    """Epochs without a lower validation loss (of the tokens, where they have a weight) after which the stage ends."""
    losses: LossWeights = LossWeights()


class OptimiserSettings(Frozen):
    """What both stages share."""

    batch_size: Annotated[int, Field(ge=2)] = 64
    """Sentences of one update over all processes. Each contrasts those of its own share with one another."""
    weight_decay: NotNegative = 1e-2
    warm_up: Annotated[int, Field(ge=0)] = 50
    """Steps over which a stage's rate rises; it then falls along half a cosine."""


class WavePretraining(Frozen):
    """Self-reconstruction of masked waves, before there is text."""

    epochs: Count = 10
    learning_rate: Rate = 1e-3
    masked: Annotated[float, Field(gt=0, lt=1)] = 0.4
    """Share of the steps that are hidden, in stretches."""
    stretch: Count = 4
    """Steps of a stretch."""


class TextBundleSettings(BundleSettings):
    """The bundle that comes out."""

    name: str = "text"
    licence: str = ""
    """Empty: BSD-3-Clause for what is trained on the simulated reader alone, else "not stated"."""


ReadingSplit = SimulatedParts | UniqueSentences | UniqueSubjects
LanguageSettings = SmallBart | PretrainedBart


class TextRecipe(Frozen):
    """All that a run of `train_text` depends on."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "text"
    seed: Seed = 1
    data: Annotated[AnyReadings, Field(discriminator="kind")] = SimulatedReadingsSettings()
    split: Annotated[ReadingSplit, Field(discriminator="kind")] = SimulatedParts()
    text: TextSettings = TextSettings()
    language: Annotated[LanguageSettings, Field(discriminator="kind")] = SmallBart()
    encoder: EncoderSettings = EncoderSettings()
    codex: CodexSettings = CodexSettings()
    embedding_dim: Count = 128
    """Numbers of what sentences are found by."""
    optimiser: OptimiserSettings = OptimiserSettings()
    pretraining: WavePretraining | None = None
    """Of waves alone; null for none."""
    beginning: StageSettings | None = None
    """Of waves, before the alignment: `losses.evenly`; null for none."""
    alignment: StageSettings = StageSettings(
        epochs=30, learning_rate=2e-3, losses=LossWeights(tokens=0.0, words=1.0, sentences=0.0)
    )
    """Before the first stage, without codes; the codex then begins where the encoder has learnt to put words."""
    first: StageSettings = StageSettings()
    second: StageSettings = StageSettings(epochs=10, learning_rate=5e-4, language=0.2, patience=3)
    machine: MachineSettings = MachineSettings()
    generation: Generation = Generation(max_tokens=56)
    noise_twin: bool = True
    """Train the same model on noise too, the control that tells what the language model guesses."""
    bundle: TextBundleSettings = TextBundleSettings()

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        simulated = isinstance(self.data, SimulatedReadingsSettings)
        if isinstance(self.split, SimulatedParts) and not simulated:
            raise ValueError(f"split simulated_parts is of the simulated reader; data is {self.data.kind}")
        if self.text.n_simulated and not simulated:
            raise ValueError(f"text.n_simulated are sentences of the simulated reader; data is {self.data.kind}")
        if self.pretraining is not None and self.reads != "waves":
            raise ValueError(f"pretraining reconstructs waves; the data are {self.reads}")
        stages = (self.beginning, self.alignment, self.first, self.second)
        if any(stage is not None and stage.losses.evenly for stage in stages) and self.reads != "waves":
            raise ValueError(f"losses.evenly shares waves out among words; the data are {self.reads}")
        if self.language.kind == "small" and self.reads != "waves" and self.max_words > self.language.n_places:
            raise ValueError(
                f"language.n_places must be enough for the longest sentence, of {self.max_words} words; got "
                f"{self.language.n_places}"
            )
        if self.language.kind == "small" and self.generation.max_tokens > self.language.n_places:
            raise ValueError(
                f"generation.max_tokens must not exceed language.n_places ({self.language.n_places}); got "
                f"{self.generation.max_tokens}"
            )
        batches = [self.optimiser.batch_size]
        if self.language.kind == "small":
            batches.append(self.language.batch_size)
        if min(batches) < 2 * self.machine.n_processes:
            raise ValueError(
                f"each of {self.machine.n_processes} processes needs two sentences of a batch, to contrast them; batches have "
                f"{min(batches)}. Raise batch_size, or lower machine.devices"
            )
        return self

    @property
    def max_words(self) -> int:
        """Words of a sentence at most."""
        return self.data.max_words if isinstance(self.data, ZucoReadings) else self.data.sentence.max_words

    @property
    def reads(self) -> str:
        """What a signal is."""
        if isinstance(self.data, TableReadings):
            return self.data.sentence.reads
        return self.data.reads
