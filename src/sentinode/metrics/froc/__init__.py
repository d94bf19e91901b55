"""Lesions found against false positives a slide, as CAMELYON16 measures them."""
