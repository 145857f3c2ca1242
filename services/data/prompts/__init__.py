"""Prompts of the training rows: briefs, continuation, and how the recipe mixes them."""
