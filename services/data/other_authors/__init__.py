"""Passages and works of other authors, which the evaluation compares the author with."""
