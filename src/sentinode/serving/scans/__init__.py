"""Scans as jobs, and their results."""
