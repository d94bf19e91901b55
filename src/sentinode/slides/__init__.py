"""Whole slides: readers, physical size, tissue, tiles, annotations, and slides made for tests."""
