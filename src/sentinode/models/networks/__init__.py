"""What learns: architectures of every origin, their first weights, and classical heads on top of them."""
