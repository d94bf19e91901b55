"""Detections on slides: targets, the free-response ROC of CAMELYON16, its page."""
