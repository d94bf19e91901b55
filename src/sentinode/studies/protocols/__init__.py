"""Public test sets, measured as their papers do."""
