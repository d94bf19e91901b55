"""Where tissue is on a slide: by its stain and focus, by a model, written and read, and the model's training."""
