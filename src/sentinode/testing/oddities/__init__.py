"""Odd inputs that a program of this kind meets, each written by itself and read right or refused: `python -m` it."""
