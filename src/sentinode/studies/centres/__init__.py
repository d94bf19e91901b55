"""What a new centre costs, and what it costs when class and centre are tied in training."""
