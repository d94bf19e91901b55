"""Suites that say whether a part, ours or of another package, keeps its contract; they need pytest."""
