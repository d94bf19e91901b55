"""What a model is held against: simple baselines in one table, and learning curves."""
