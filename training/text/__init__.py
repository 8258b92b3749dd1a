"""How a model of EEG-to-text is trained: tokens, language model, pre-training of waves, two stages, the trained reader."""
