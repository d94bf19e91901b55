"""What stain augmentation and stain normalisation add, on appearances that were held out."""
