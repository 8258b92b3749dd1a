"""What the workshop that trains and the program that runs agree on; numpy, scipy and pydantic only."""
