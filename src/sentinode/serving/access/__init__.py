"""Who may do what: users, their tokens and their roles."""
