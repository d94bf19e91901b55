"""The HTTP API: predictions, slides as deep-zoom pyramids, scans as jobs, reviews, and the page that shows them."""
