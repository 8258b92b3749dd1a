"""The recipe of `train_reader`: which trials, how they are divided, what reads them, and what it is trained for."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.simulation.settings import ParticipantSettings
from training.data.fmri import FmriRecipe
from training.settings import BundleSettings, Count, Frozen, Seed, Share

Seconds = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Dropout = Annotated[float, Field(ge=0, lt=1)]


class SimulatedData(Frozen):
    """Two sessions of the simulated participant, "training" and "test", with different pictures and other noise."""

    kind: Literal["simulated"] = "simulated"
    participant: ParticipantSettings = ParticipantSettings()
    families: tuple[str, ...] = ("shapes", "letters", "digits")
    n_trials: Annotated[int, Field(ge=20)] = 1200
    n_test: Annotated[int, Field(ge=20)] = 300
    soa_s: float = Field(default=1.0, ge=0.4)
    """Seconds from one picture to the next."""
    cutting: CalibrationRecipe = CalibrationRecipe()


class RecordingsData(Frozen):
    """EEG recordings, or run folders of this program, and the pictures that their markers name."""

    kind: Literal["recordings"] = "recordings"
    files: Annotated[tuple[str, ...], Field(min_length=1)]
    """Paths, or patterns such as ``data/sub-1_*_eeg.fif``; each file is a run."""
    pictures: str
    """Where the pictures are: a run folder, a folder of images, or a table, see `bci_app.pictures.shown.read_shown`."""
    subjects: tuple[str, ...] | None = None
    """Participant of each file, where the names do not tell."""
    reject_uv: Annotated[float, Field(gt=0)] | None = None
    cutting: CalibrationRecipe = CalibrationRecipe()


class ThingsEeg2Data(Frozen):
    """Participants of THINGS-EEG2; their test side is the session "test"."""

    kind: Literal["things_eeg2"] = "things_eeg2"
    folders: Annotated[tuple[str, ...], Field(min_length=1)]
    """One for each participant, such as ``data/sub-01``."""
    pictures: str
    """Folder with ``training_images`` and ``test_images``."""
    channels: tuple[str, ...] | None = None
    window_s: tuple[float, float] | None = None
    average: bool = True
    """Average the repeats of each picture while reading."""


class SpikesData(Frozen):
    """Spike counts of one session, and the pictures shown in it."""

    kind: Literal["spikes"] = "spikes"
    counts: str
    """An .npz, see `training.data.spikes.read_counts`; or, with a .zip of pictures, a ``responses_SESSION.npy``."""
    pictures: str
    """Folder of images or table, by the names in the counts; or the .zip of photographs, in the order of the responses."""
    bin_s: Seconds = 0.1
    """Seconds in which spikes of a ``responses_SESSION.npy`` were counted."""


class BDataData(Frozen):
    """fMRI in BData files; samples of `test_only` become the session "test"."""

    kind: Literal["bdata"] = "bdata"
    files: Annotated[tuple[str, ...], Field(min_length=1)]
    """One for each participant."""
    pictures: str
    """Folder of images or table, by stimulus name."""
    areas: Annotated[tuple[str, ...], Field(min_length=1)] = ("ROI_VC",)
    stimulus: str = "stimulus_name"
    run: str | None = "Run"
    session: str | None = "Session"
    part: str | None = None
    only: dict[str, float] = Field(default_factory=dict)
    """Samples that are learnt from: those with these values in these columns, such as ``{DataType: 1}``."""
    test_only: dict[str, float] | None = None
    scaling: Literal["none", "run"] = "none"
    block_s: Seconds = 8.0


class OpenNeuroData(Frozen):
    """fMRI runs in the BIDS layout with their event tables, and masks that choose the voxels."""

    kind: Literal["openneuro"] = "openneuro"
    folder: str
    pictures: str
    """Folder of images or table, by stimulus name."""
    masks: Annotated[tuple[str, ...], Field(min_length=1)]
    subject: str
    session: str = "*"
    volumes: str | None = None
    space: str = ""
    keep_repeats: bool = False
    volumes_of: FmriRecipe = FmriRecipe()
    """How volumes become trials."""


class NiftiData(Frozen):
    """fMRI volumes with a label for each; one picture stands for each category."""

    kind: Literal["nifti"] = "nifti"
    bold: str
    table: str
    """Text with ``label run`` in each line, a line for each volume."""
    masks: Annotated[tuple[str, ...], Field(min_length=1)]
    pictures: str
    """Folder of images or table, by label."""
    per: Literal["volume", "block"] = "block"
    rest: str = "rest"
    volumes_of: FmriRecipe = FmriRecipe()


FmriData = BDataData | OpenNeuroData | NiftiData
DataSettings = SimulatedData | RecordingsData | ThingsEeg2Data | SpikesData | FmriData
By = Literal["picture", "run", "session", "subject"]


class NamedSplit(Frozen):
    """Groups that are scored, by name; all others are learnt from."""

    kind: Literal["named"] = "named"
    by: By = "session"
    test: Annotated[tuple[str, ...], Field(min_length=1)] = ("test",)
    """Such as ``test`` for the session of that name of every participant, or ``Ada/test`` for that of one."""
    new_pictures: bool = True
    """Refuse a split in which a picture that is scored was shown in training too."""


class HoldOutSplit(Frozen):
    """A share of the groups is scored."""

    kind: Literal["hold_out"] = "hold_out"
    by: By = "picture"
    test: Share = 0.2
    new_pictures: bool = True


class FoldsSplit(Frozen):
    """Every group is scored once; the bundle is then learnt from all trials."""

    kind: Literal["folds"] = "folds"
    by: By = "picture"
    n_folds: Annotated[int, Field(ge=2)] = 5
    new_pictures: bool = True


class LeaveOneOutSplit(Frozen):
    """Every group alone is scored once; the bundle is then learnt from all trials."""

    kind: Literal["leave_one_out"] = "leave_one_out"
    by: By = "run"
    new_pictures: bool = True


SplitSettings = NamedSplit | HoldOutSplit | FoldsSplit | LeaveOneOutSplit


class LinearSettings(Frozen):
    """Whitened ridge: see `bci_app.calibration.ridge`."""

    kind: Literal["linear"] = "linear"
    bin_times: Annotated[int, Field(ge=1, le=1000)] = 4
    """Samples averaged into one feature."""


class LeastSquaresSettings(Frozen):
    """From latents to the brain and back: see `training.readers.linear`."""

    kind: Literal["least_squares"] = "least_squares"
    bin_times: Annotated[int, Field(ge=1, le=1000)] = 4
    n_components: Count | None = None
    """Principal components of the training trials that are kept; null keeps everything."""
    weighted: bool = True
    """Weigh by the noise and the latents' own spread; else the pseudo-inverse, as published."""


class _Deep(Frozen):
    """What every network has."""

    width: Count = 64
    """Features between the encoder and its heads."""
    whiten: bool = True
    """Whiten channels by the training trials; else each is divided by its own spread."""
    dropout: Dropout = 0.5


class EegNetSettings(_Deep):
    """EEGNet; lengths in seconds, published at 128 Hz."""

    kind: Literal["eegnet"] = "eegnet"
    n_filters: Count = 8
    depth: Count = 2
    n_separable: Count = 16
    kernel_s: Seconds = 0.5
    pool_s: Seconds = 0.03125
    separable_kernel: Count = 16
    separable_pool: Count = 8
    """Both counted in samples averaged over ``pool_s``."""
    dropout: Dropout = 0.25


class NiceSettings(_Deep):
    """NICE; lengths in seconds, published at 250 Hz."""

    kind: Literal["nice"] = "nice"
    n_filters: Count = 40
    kernel_s: Seconds = 0.1
    pool_s: Seconds = 0.204
    stride_s: Seconds = 0.02


class AttentionSettings(NiceSettings):
    """Attention over channels, then NICE."""

    kind: Literal["attention"] = "attention"  # type: ignore[assignment]
    token_width: Count = 64
    n_heads: Count = 4


DeepSettings = EegNetSettings | NiceSettings | AttentionSettings


class ObjectiveSettings(Frozen):
    """Weights of the losses of a deep reader; see `training.readers.objective`."""

    squared_error: NotNegative = 1.0
    cosine: NotNegative = 0.0
    contrastive: NotNegative = 0.0
    image_features: str | None = None
    """An .npz of image features by picture id that the contrastive part compares with; null takes the latents."""


class AugmentationSettings(Frozen):
    """What is done to the windows of a training step; nothing at 0."""

    shift_times: Annotated[int, Field(ge=0)] = 0
    """Samples by which a window is moved at most, earlier or later."""
    drop_channels: Dropout = 0.0
    """Share of channels left out."""
    noise: NotNegative = 0.0
    """Gaussian noise, as a share of each channel's own spread."""


class OptimiserSettings(Frozen):
    """How long and how fast a deep reader learns."""

    epochs: Count = 100
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: NotNegative = 1e-2
    warm_up: Annotated[int, Field(ge=0)] = 20
    """Steps over which the rate rises; it then falls along half a cosine."""
    patience: Count = 20
    """Epochs without a lower validation loss after which training ends."""
    validation: Share = 0.1
    """Share of the training pictures that is kept for this."""
    threads: Count = 1


class FineTuningSettings(Frozen):
    """A network that others have taught goes on with the trials of ``subject``."""

    model: str | None = None
    """Run folder of that network; null trains one on all other participants of the data first."""
    epochs: Count = 100
    batch_size: Annotated[int, Field(ge=2)] = 16
    learning_rate: float = Field(default=1e-3, gt=0)
    thaw: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the rate at which, in the end, all weights learn; 0 leaves what the others have taught as it is."""


class EvaluationSettings(Frozen):
    """Curves on the report's page, of linear readers: seconds that each may take at most, 0 leaves it out."""

    learning_curve_s: NotNegative = 0.0
    time_course_s: NotNegative = 0.0


class ReaderBundleSettings(BundleSettings):
    """The bundle that comes out."""

    name: str = "reader"
    licence: str = ""
    """Empty: BSD-3-Clause for readers of the simulated participant, else "not stated"."""


ClosedForm = LinearSettings | LeastSquaresSettings
ReaderSettings = ClosedForm | EegNetSettings | NiceSettings | AttentionSettings


class ReaderRecipe(Frozen):
    """All that a run of `train_reader` depends on."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "reader"
    seed: Seed = 1
    data: Annotated[DataSettings, Field(discriminator="kind")] = SimulatedData()
    split: Annotated[SplitSettings, Field(discriminator="kind")] = NamedSplit()
    reader: Annotated[ReaderSettings, Field(discriminator="kind")] = LinearSettings()
    objective: ObjectiveSettings = ObjectiveSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    fine_tuning: FineTuningSettings | None = None
    """Null trains a network on all participants at once."""
    generator: str = "bci_app/bundles/pictures64"
    """Folder of the bundle whose latents are read."""
    subject: str | None = None
    """Whose reader becomes the bundle, where there are several participants. Only their trials are scored; a linear reader
    learns from them alone, a network from all."""
    evaluation: EvaluationSettings = EvaluationSettings()
    bundle: ReaderBundleSettings = ReaderBundleSettings()

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        weights = self.objective
        if isinstance(self.reader, DeepSettings) and not (
            weights.squared_error or weights.cosine or weights.contrastive
        ):
            raise ValueError("objective must give squared_error, cosine or contrastive a weight; all are 0")
        if weights.image_features is not None and not weights.contrastive:
            raise ValueError("objective.image_features are compared by the contrastive part alone; its weight is 0")
        if isinstance(self.reader, DeepSettings) and (
            self.evaluation.learning_curve_s or self.evaluation.time_course_s
        ):
            raise ValueError(
                "evaluation's curves train a reader at each point: they are for linear readers; set them to 0"
            )
        if isinstance(self.reader, LeastSquaresSettings) and self.evaluation.learning_curve_s:
            raise ValueError(
                "evaluation.learning_curve_s goes down to few trials, and least squares need more pictures than latents: "
                "set it to 0"
            )
        if self.fine_tuning and (self.subject is None or not isinstance(self.reader, DeepSettings)):
            raise ValueError("fine_tuning goes on from a network to a subject; it needs subject, and a deep reader")
        return self
