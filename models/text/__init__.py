"""Networks that read a sentence of EEG: bands, encoders of words and waves, the codex, and BART behind them."""
