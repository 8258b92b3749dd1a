"""Evolving pictures in silico: what is driven, one evolution, and what it came to beside its controls."""
