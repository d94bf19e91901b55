"""What is done with a score: the rule that sets a threshold, the low-confidence band, and what acting on it brings."""
