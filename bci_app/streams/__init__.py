"""Where samples come from and where markers go."""
