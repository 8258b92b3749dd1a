"""Data for the workshop."""
