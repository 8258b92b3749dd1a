"""Running models; the only package that imports onnxruntime."""
