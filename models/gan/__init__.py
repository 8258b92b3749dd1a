"""Generative adversarial networks: DCGAN, and BigBiGAN with its encoder."""
