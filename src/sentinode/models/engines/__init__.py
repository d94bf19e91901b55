"""What runs a bundle: the engine that all are, OpenVINO's and torch's, and how one is opened."""
