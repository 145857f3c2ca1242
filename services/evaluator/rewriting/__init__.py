"""Rewriting: both models rewrite the same drafts of held-out passages, and what they keep of them is measured."""
