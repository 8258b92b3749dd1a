"""Measurements: each module prints a table and writes ``runs/benchmarks/NAME.json``; ``python -m tests.benchmarks``."""
