"""Files on their way in: forms, images and slides."""
