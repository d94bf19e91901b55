"""A request on its way in and out: the listening socket, and what every request goes through."""
