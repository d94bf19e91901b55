"""What a server keeps: predictions, slides, scans, reviews, sessions and versions of models, in any SQL database."""
