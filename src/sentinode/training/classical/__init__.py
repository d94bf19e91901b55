"""Classical models on frozen features: what they are, how they are tuned, and how they become bundles."""
