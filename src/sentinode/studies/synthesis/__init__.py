"""What synthetic patches add to real ones, at a hundredth, a tenth and all of the labels."""
