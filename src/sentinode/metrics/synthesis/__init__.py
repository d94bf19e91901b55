"""How near drawn images are to real ones: distances of distributions, precision and recall, and a test for copies."""
