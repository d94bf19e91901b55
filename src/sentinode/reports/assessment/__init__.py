"""The report of one model on one data set."""
