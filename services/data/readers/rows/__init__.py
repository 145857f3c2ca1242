"""Rows that are ready to train: the forms of a .jsonl, and what may be wrong with a row."""
