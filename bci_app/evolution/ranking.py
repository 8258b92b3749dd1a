"""Scores of which some are missing, for optimisers that look at ranks alone."""

from __future__ import annotations

import numpy as np

from bci_app.evolution.optimiser import Scores


def fill_missing(scores: Scores) -> Scores:
    """`scores` (n,) with the median of those that came where none came, which neither attracts nor repels."""
    return np.where(np.isnan(scores), np.nanmedian(scores), scores)


def rank_weights(scores: Scores) -> Scores:
    """Weights (n,) of `scores` without gaps by their rank: log(n // 2 + 1/2) - log(rank) for the better half, else 0.

    The sum is 1. Equal scores share their weights, so that a constant response pulls nowhere.

    Source: Hansen, The CMA Evolution Strategy: A Tutorial, arXiv 1604.00772, its positive weights.
    """
    n_chosen = max(len(scores) // 2, 1)
    by_rank = np.zeros(len(scores))
    by_rank[:n_chosen] = np.log(n_chosen + 0.5) - np.log(np.arange(1, n_chosen + 1))
    _, group, size = np.unique(-scores, return_inverse=True, return_counts=True)
    of_group = np.add.reduceat(by_rank, np.cumsum(size) - size) / size
    return np.asarray(of_group[group] / by_rank.sum())
