"""The page of a learning curve."""
