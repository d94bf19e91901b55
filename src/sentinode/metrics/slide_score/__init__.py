"""One score for a whole slide, and how well such scores tell tumour from none."""
