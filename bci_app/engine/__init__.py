"""Threads and sessions; no Qt."""
