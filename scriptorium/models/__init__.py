"""Base models: their folders, tokenizers and chat templates."""
