"""Where a model looks: maps of what speaks for a class, and how far they are to be trusted."""
