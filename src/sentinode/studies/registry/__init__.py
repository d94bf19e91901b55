"""The registry of models from the command line: its jobs, and the gate that measures."""
