"""A simulated participant with known truth: sees pictures, answers with EEG, live or offline."""
