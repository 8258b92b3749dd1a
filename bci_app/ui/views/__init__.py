"""Widgets that show and never compute; one per file."""
