"""Recipes, fitting, and the assessment of a bundle on a data set."""
