"""Frozen features and classical descriptors of images, cached, as one table."""
