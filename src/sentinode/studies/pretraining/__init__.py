"""What pretraining without labels adds, at a hundredth, a tenth and all of the labels."""
