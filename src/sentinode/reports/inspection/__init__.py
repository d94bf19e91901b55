"""The page of a look at a data set."""
