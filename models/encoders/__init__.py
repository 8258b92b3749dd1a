"""Networks that read a window of a brain signal, (batch, n_channels, n_times) -> (batch, dim)."""
