"""Training loops: one optimisation step each, then the loop."""
