"""Instructions that a program can check: the catalogue, and one file per family."""
