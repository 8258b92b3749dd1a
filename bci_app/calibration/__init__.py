"""Trials and the pictures shown, in; a decoder bundle, out: closed form, in seconds, without torch."""
