"""A question, answered: what a model, a recipe or a cohort is worth, and what else would have been."""
