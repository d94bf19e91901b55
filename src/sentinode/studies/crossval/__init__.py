"""Cross-validation in which everything that learns stays inside the outer training part."""
