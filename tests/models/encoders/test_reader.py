"""The mixing per subject, and the network as it leaves."""

from __future__ import annotations

import torch
from torch import nn

from models.encoders.reader import PortableReader, ReaderNetwork, SubjectLayer

N_CHANNELS, N_TIMES = 4, 10


def _network() -> ReaderNetwork:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(N_CHANNELS * N_TIMES, 6), nn.ELU())
    network = ReaderNetwork(encoder, 3, N_CHANNELS, 6, 5, 2)
    nn.init.normal_(network.subjects.mixing)
    return network


def test_subjects_begin_as_the_identity() -> None:
    window = torch.randn(3, N_CHANNELS, N_TIMES)
    torch.testing.assert_close(SubjectLayer(2, N_CHANNELS)(window, torch.tensor([0, 1, 0])), window)


def test_each_trial_is_mixed_by_its_own_subject_and_a_stranger_by_the_mean() -> None:
    layer, window, subject = _network().subjects, torch.randn(3, N_CHANNELS, N_TIMES), torch.tensor([2, 0, 2])
    mixed = layer(window, subject)
    for trial, own in enumerate(subject.tolist()):
        torch.testing.assert_close(mixed[trial], layer.matrix(own) @ window[trial])
    torch.testing.assert_close(layer.matrix(None), sum(layer.matrix(own) for own in range(3)) / 3)


def test_the_network_that_leaves_reads_what_the_one_in_training_read() -> None:
    network, window = _network(), 10 * torch.randn(2, N_CHANNELS, N_TIMES)
    mean, whitening = torch.randn(N_CHANNELS, N_TIMES), torch.randn(N_CHANNELS, N_CHANNELS)
    leaving = PortableReader(mean, network.subjects.matrix(1) @ whitening, network.encoder, network.latent)
    wanted, _ = network(whitening @ (window - mean), torch.tensor([1, 1]))
    torch.testing.assert_close(leaving(window), wanted, atol=1e-4, rtol=1e-4)
