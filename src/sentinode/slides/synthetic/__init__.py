"""Drawn slides: lymph nodes made by a seeded procedure, so that everything works, and is tested, without data."""
