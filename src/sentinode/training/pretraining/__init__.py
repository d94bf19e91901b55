"""Self-supervised pretraining: a network learns from images without labels, and ends as a pretrained bundle."""
