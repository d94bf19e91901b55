"""What a repeated cross-validation says: figures over folds and repeats, and their intervals."""
