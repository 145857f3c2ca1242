"""Prompts of the training rows: briefs, continuation, drafts to rewrite, and how the recipe mixes them."""
