"""The page of a model beside its baselines."""
