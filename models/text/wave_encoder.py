"""A convolutional conformer over the waves of a whole sentence, and what it is trained with before there is text.

Source: Gulati et al. 2020, "Conformer: convolution-augmented Transformer for speech recognition", sections 2.1 to 2.4; Duan et
al. 2023 (DeWave), section 3.1, for waves without fixations and their self-reconstruction. Layer normalisation stands where the
conformer has batch normalisation: a sentence must not be read by what else is in the batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


class FeedForward(nn.Sequential):
    """Two linear layers behind a normalisation, counted half beside the shortcut (section 2.3)."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.SiLU(), nn.Dropout(dropout), nn.Linear(hidden, width)
        )


class ConvolutionModule(nn.Module):
    """A gate, a filter in time for each number of its own, and a mixing (section 2.2).

    Parameters
    ----------
    width : int
    kernel : int
        Steps that a filter spans, odd.
    dropout : float
    """

    def __init__(self, width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.enter = nn.Linear(width, 2 * width)
        self.filters = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width), nn.Dropout(dropout))

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, n, width) -> (batch, n, width); what is not there (mask False) is silent."""
        gated = functional.glu(self.enter(self.norm(steps)), dim=2)
        gated = gated if mask is None else gated * mask[..., None]
        filtered: Tensor = self.leave(self.filters(gated.transpose(1, 2)).transpose(1, 2))
        return filtered


class ConformerBlock(nn.Module):
    """Half a feed-forward, attention, convolution, half a feed-forward (figure 1).

    Parameters
    ----------
    width, n_heads, hidden, kernel, dropout
        The heads divide the width; the kernel is odd.
    """

    def __init__(self, width: int, n_heads: int, hidden: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.before, self.after = FeedForward(width, hidden, dropout), FeedForward(width, hidden, dropout)
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, n_heads, dropout, batch_first=True)
        self.convolution = ConvolutionModule(width, kernel, dropout)
        self.leave = nn.LayerNorm(width)

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, n, width) -> (batch, n, width)."""
        steps = steps + 0.5 * self.before(steps)
        asked = self.norm(steps)
        absent = None if mask is None else ~mask
        steps = steps + self.attention(asked, asked, asked, key_padding_mask=absent, need_weights=False)[0]
        steps = steps + self.convolution(steps, mask)
        steps = steps + 0.5 * self.after(steps)
        left: Tensor = self.leave(steps)
        return left


class Subsampling(nn.Module):
    """Convolutions that each keep one step in so many; the first looks at all channels.

    Parameters
    ----------
    n_channels, width : int
        Numbers per step that go in and come out.
    strides : sequence of int
        Steps from one output to the next, a convolution each; its filter spans twice as many, and one more.
    dropout : float
    span : int, optional
        Samples that the first filter spans, odd, in place of that: as long as the response to a word, it can find one whole.
    """

    def __init__(
        self, n_channels: int, width: int, strides: Sequence[int], dropout: float, span: int | None = None
    ) -> None:
        super().__init__()
        self.strides = tuple(strides)
        widths = (n_channels, *[width] * len(self.strides))
        spans = [2 * stride + 1 for stride in self.strides]
        spans[0] = span or spans[0]
        self.filters = nn.ModuleList(
            nn.Conv1d(narrow, wide, each, stride, each // 2)
            for narrow, wide, each, stride in zip(widths, widths[1:], spans, self.strides, strict=False)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.strides)
        self.dropout = nn.Dropout(dropout)

    def forward(self, waves: Tensor, mask: Tensor | None = None) -> Tensor:
        """Steps (batch, n, width) of waves (batch, n_channels, n_times); what is not there (mask False) is silent."""
        for filters, norm, stride in zip(self.filters, self.norms, self.strides, strict=True):
            waves = waves if mask is None else waves * mask[:, None]
            waves = functional.gelu(norm(filters(waves).transpose(1, 2))).transpose(1, 2)
            mask = None if mask is None else mask[:, ::stride]
        steps: Tensor = self.dropout(waves.transpose(1, 2))
        return steps

    def shorten(self, mask: Tensor) -> Tensor:
        """Which steps (batch, n) are there, by which samples (batch, n_times) are."""
        for stride in self.strides:
            mask = mask[:, ::stride]
        return mask


class WaveEncoder(nn.Module):
    """Subsampling, then conformer blocks.

    Parameters
    ----------
    n_channels, width : int
        Numbers per step that go in and come out.
    strides : sequence of int
        See `Subsampling`; their product is the number of samples per step.
    n_layers, n_heads, hidden, kernel : int
        See `ConformerBlock`.
    dropout : float
    max_steps : int
        Steps that what comes after can take.
    span : int, optional
        See `Subsampling`.

    Raises
    ------
    ValueError
        If the heads do not divide the width, or kernel or span are even.
    """

    def __init__(
        self,
        n_channels: int,
        width: int = 128,
        strides: Sequence[int] = (4, 4),
        n_layers: int = 2,
        n_heads: int = 4,
        hidden: int = 256,
        kernel: int = 9,
        dropout: float = 0.1,
        max_steps: int = 1024,
        span: int | None = None,
    ) -> None:
        super().__init__()
        if width % n_heads or kernel % 2 == 0 or (span is not None and span % 2 == 0):
            raise ValueError(
                f"{n_heads} heads must divide a width of {width} evenly, and kernel and span be odd; got {kernel} and {span}. "
                "Change them"
            )
        self.width, self.max_steps = width, max_steps
        self.subsample = Subsampling(n_channels, width, strides, dropout, span)
        self.blocks = nn.ModuleList(ConformerBlock(width, n_heads, hidden, kernel, dropout) for _ in range(n_layers))

    @property
    def samples_per_step(self) -> int:
        """Samples from one step to the next."""
        return math.prod(self.subsample.strides)

    def forward(self, waves: Tensor, mask: Tensor | None = None) -> Tensor:
        """Vectors (batch, n, width) of standardised waves (batch, n_channels, n_times); n is n_times over
        the strides, rounded up.

        Parameters
        ----------
        waves : Tensor
        mask : bool Tensor (batch, n_times), optional
            True where there is signal, from the first sample on.
        """
        steps: Tensor = self.subsample(waves, mask)
        there = None if mask is None else self.shorten(mask)
        for block in self.blocks:
            steps = block(steps, there)
        return steps

    def shorten(self, mask: Tensor) -> Tensor:
        """Which of the vectors are there, by which samples are."""
        return self.subsample.shorten(mask)


class Reconstruction(nn.Module):
    """Waves from the vectors of the encoder, step by step: the head of the pre-training.

    Parameters
    ----------
    encoder : WaveEncoder
        Its vectors are read; it is not held here.
    n_channels : int
    """

    def __init__(self, encoder: WaveEncoder, n_channels: int) -> None:
        super().__init__()
        self.n_channels, self.samples_per_step = n_channels, encoder.samples_per_step
        self.leave = nn.Linear(encoder.width, n_channels * self.samples_per_step)

    def forward(self, steps: Tensor) -> Tensor:
        """Waves (batch, n_channels, n * samples_per_step) of vectors (batch, n, width)."""
        batch, n = steps.shape[:2]
        stretches = self.leave(steps).reshape(batch, n, self.n_channels, self.samples_per_step)
        waves: Tensor = stretches.permute(0, 2, 1, 3).flatten(2)
        return waves
