"""Scans of many slides, measured: FROC, stages, slide scores."""
