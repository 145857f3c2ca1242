"""Base models: where they lie, their tokenizer and their chat template."""
