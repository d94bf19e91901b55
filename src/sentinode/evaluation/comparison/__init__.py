"""Several models on the same samples: paired differences and their page."""
