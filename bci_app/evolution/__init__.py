"""Evolving latents towards a response: pure numpy, no clock and no files; state in, state out."""
