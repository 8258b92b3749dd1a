"""The codex: each vector is replaced by the nearest of a fixed number of learned ones.

Source: van den Oord et al. 2017, "Neural discrete representation learning", sections 3.1 to 3.2 and appendix A.1 for the moving
averages; Duan et al. 2023 (DeWave), section 3.2: 2,048 codes of 512 numbers.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional
from vector_quantize_pytorch import VectorQuantize


class Codex(nn.Module):
    """Vector quantisation between two projections.

    Codes follow the mean of what they stand for (moving averages); a code that stands for next to nothing is put where a
    vector of the batch is. The gradient passes as if nothing had been replaced (straight-through). Until `begin` is called
    vectors pass as they are, all under code 0: codes of an encoder that has learnt nothing would collapse (Łańcucki et al. 2020,
    "Robust training of vector quantized bottleneck models").

    Parameters
    ----------
    width : int
        Numbers of the vectors that come in.
    dim : int
        Numbers of the vectors that go out; DeWave has 512.
    n_codes : int
        Codes.
    code_dim : int, optional
        Numbers in which the nearest code is looked for; few of them keep more codes in use. None for `dim`.
        Source: Yu et al. 2022, "Vector-quantized image modeling with improved VQGAN", section 3.2.
    decay : float
        Of the moving averages.
    commitment : float
        Weight of the loss that keeps vectors near their codes.
    revive_below : float
        Vectors per step, on the moving average, below which a code is put elsewhere.
    """

    def __init__(
        self,
        width: int,
        dim: int = 512,
        n_codes: int = 2048,
        code_dim: int | None = None,
        decay: float = 0.99,
        commitment: float = 0.25,
        revive_below: float = 0.0,
    ) -> None:
        super().__init__()
        code_dim = code_dim or dim
        self.dim, self.n_codes, self.begun = dim, n_codes, False
        self.enter = nn.Linear(width, code_dim)
        self.quantise = VectorQuantize(
            code_dim,
            n_codes,
            decay=decay,
            kmeans_init=True,
            threshold_ema_dead_code=revive_below,
            commitment_weight=commitment,
            rotation_trick=False,
            sync_codebook=_several_processes(),  # of which each has a part of the batch, and all have the same codes
        )
        self.leave = nn.Linear(code_dim, dim)

    def forward(self, vectors: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What stands for the vectors, and its codes; see `read`."""
        quantised, codes, _ = self.read(vectors, mask)
        return quantised, codes

    def read(self, vectors: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """What stands for the vectors, its codes, and the commitment loss.

        Parameters
        ----------
        vectors : Tensor (batch, n, width)
        mask : bool Tensor (batch, n), optional
            True where there is something; what is not there changes no code and costs nothing.

        Returns
        -------
        Tensor (batch, n, dim)
        int64 Tensor (batch, n)
        Tensor ()
            Zero outside training.
        """
        entered = self.enter(vectors).float()  # nearest of many: half the digits do not tell
        if not self.begun:
            return self.leave(entered), vectors.new_zeros(vectors.shape[:2], dtype=torch.int64), vectors.new_zeros(())
        if not self.training:
            codes = self.nearest(entered)
            return self.leave(functional.embedding(codes, self.book)), codes, vectors.new_zeros(())
        there = torch.ones(vectors.shape[:2], dtype=torch.bool, device=vectors.device) if mask is None else mask
        chosen, chosen_codes, loss = self.quantise(entered[there][None])
        # a constant that the library asks a gradient of, of which an exporter would warn
        self.quantise.zero.requires_grad_(False)
        none = torch.zeros(there.shape, dtype=torch.int64, device=vectors.device)
        quantised = torch.zeros_like(entered).masked_scatter(there[..., None], chosen[0])
        return self.leave(quantised), none.masked_scatter(there, chosen_codes[0]), loss.sum()

    @property
    def book(self) -> Tensor:
        """The codes (n_codes, code_dim)."""
        book: Tensor = self.quantise.codebook
        return book

    def nearest(self, entered: Tensor) -> Tensor:
        """Numbers (batch, n) of the codes nearest to vectors (batch, n, code_dim): the first where two are as near."""
        squared = entered.square().sum(dim=-1, keepdim=True) + self.book.square().sum(dim=-1)
        return (squared - 2.0 * entered @ self.book.T).argmin(dim=-1)

    @torch.no_grad()
    def begin(self, vectors: Tensor, per_step: float) -> None:
        """Put the codes where vectors are dense (k-means), so that most are in use from the first step on.

        Parameters
        ----------
        vectors : Tensor (n, width)
            As many as there are codes, or more.
        per_step : float
            Vectors that a training step will bring: the moving averages begin as if such steps had been.

        Raises
        ------
        ValueError
            If there are fewer vectors than codes.
        """
        if len(vectors) < self.n_codes:
            raise ValueError(
                f"{self.n_codes} codes begin from at least as many vectors; got {len(vectors)}. Take fewer codes"
            )
        codebook = self.quantise._codebook
        alone = VectorQuantize(codebook.embed.shape[2], self.n_codes, kmeans_init=True, sync_codebook=False)._codebook
        alone.to(vectors.device).init_embed_(self.enter(vectors)[None])  # every process has all vectors
        codebook.load_state_dict(alone.state_dict())
        codebook.cluster_size.mul_(per_step / len(vectors))
        codebook.embed_avg.mul_(per_step / len(vectors))
        self.begun = True


def _several_processes() -> bool:
    """Whether this network is one of several that are trained as one."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
