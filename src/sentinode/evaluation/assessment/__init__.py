"""One model on one labelled set: everything that is measured on it, its tables, its report."""
