"""Rewriting a plain draft in the voice: what a model is asked, the outline that stands in for a draft, the checks."""
