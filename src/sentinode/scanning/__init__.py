"""Scanning: slide → tiles → scores → heatmap, lesions, slide score."""
