"""Slides with a label only: every method of multiple-instance learning side by side, and the one that is kept."""
