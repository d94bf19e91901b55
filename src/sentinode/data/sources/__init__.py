"""One module for each public layout of labelled patches. `sentinode.data.address` picks the right one."""
