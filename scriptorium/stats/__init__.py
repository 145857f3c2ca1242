"""Statistics that several services need."""
