"""Instructions that a program can check: the catalogue, and one module per family."""
