"""Cleaning: named steps from raw lines to chapters of paragraphs."""
