"""Versions of models: which there are, to which one an alias (`pcam@champion`) points, and how that may change."""
