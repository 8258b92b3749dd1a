"""Training of generative adversarial networks: networks from a recipe, one step, the averages, the watch, the loop."""
