"""Drawn patches with known truth, so that everything works, and is tested, without data."""
