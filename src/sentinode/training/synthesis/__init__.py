"""Synthetic patches: a class-conditional generator that learns from labelled patches against a discriminator."""
