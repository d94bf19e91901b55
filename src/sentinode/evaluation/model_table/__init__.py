"""Baselines and models on the same images: one table, its pictures, its page."""
