"""What the server keeps: predictions, slides, scans, reviews and sessions, in any SQL database."""
