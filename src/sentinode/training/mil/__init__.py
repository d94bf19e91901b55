"""Fitting an aggregator to slides of which only the label is known."""
