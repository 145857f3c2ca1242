"""Retention: what the base model could do and knew, and whether the tuned model still can and does."""
