"""Out-of-fold answers of a cross-validation: what they give, how sure that is, tables and page."""
