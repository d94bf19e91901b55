"""The server's slides, and the pictures that are drawn of them."""
