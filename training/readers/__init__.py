"""Readers of brain signals: linear, by category, and deep."""
