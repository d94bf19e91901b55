"""What a model reaches with part of the training images: figures, pictures, page."""
