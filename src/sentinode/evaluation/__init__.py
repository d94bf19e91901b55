"""Metrics, intervals, calibration, thresholds, figures and reports. Works on arrays, knows no model."""
