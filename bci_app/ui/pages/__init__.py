"""The pages of the instrument's window, each with one purpose."""
