"""What readers say of a slide: their verdicts, and regions that they drew."""
