"""What was read against what was shown, word by word: scores with their controls, for the workshop and the program."""
