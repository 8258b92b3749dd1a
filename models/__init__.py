"""Networks only: nn.Module, typed constructors, forward. No files, no settings, nothing of the program."""
