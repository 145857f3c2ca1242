"""Passages and works of other authors, for the evaluation."""
