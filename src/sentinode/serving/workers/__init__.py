"""Processes and threads that work for the server and can be ended."""
