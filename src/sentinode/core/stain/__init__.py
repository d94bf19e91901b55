"""How a slide or an image is stained, and how one comes to look as if stained like another."""
