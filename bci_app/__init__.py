"""The program: EEG over Lab Streaming Layer in, reconstructed pictures out."""
