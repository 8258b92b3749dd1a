"""Pictures that a participant sees: drawn by our own code, real handwritten digits, or a folder of images."""
