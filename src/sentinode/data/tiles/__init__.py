"""Labelled tiles drawn from annotated slides: which slides, which places, which labels, and where they are kept."""
