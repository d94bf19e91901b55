"""A server under siege: `python -m sentinode.testing.siege URL`."""
