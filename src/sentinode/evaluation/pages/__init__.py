"""What every page shares: the words for figures, and templates filled into one self-contained file."""
