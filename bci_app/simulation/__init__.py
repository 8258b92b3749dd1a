"""A simulated participant with known truth: sees pictures or reads sentences, answers with EEG, live or offline."""
