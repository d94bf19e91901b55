"""The page of a search for hyperparameters."""
