"""What several rooms' tests need: makers of data sets, models, slides and scans."""
