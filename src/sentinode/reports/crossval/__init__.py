"""The page of a cross-validation."""
