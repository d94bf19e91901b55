"""The page of a FROC analysis."""
