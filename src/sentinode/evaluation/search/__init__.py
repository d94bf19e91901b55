"""What a search for hyperparameters found: ranked trials, pictures, page."""
