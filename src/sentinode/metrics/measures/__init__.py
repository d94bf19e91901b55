"""What scores are worth: figures with their intervals, from arrays of truths and scores."""
