"""Aggregators: from the features of all tiles of a slide to the slide's logit and the attention to each tile."""
