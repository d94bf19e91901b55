"""Search for hyperparameters: many trainings of one recipe, judged on validation alone."""
