"""Architectures, weights, the bundle and the engines that run it."""
