"""The names of `import sentinode as sn`: each call is one that the command line makes, with results for a notebook."""
