"""The model in service: batches, predictions, explanations."""
