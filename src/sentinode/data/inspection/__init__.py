"""What a data set holds before anything is trained on it: facts, likely faults, pictures, and their page."""
