"""Retention: whether the tuned model still follows instructions, predicts neutral text and keeps to its briefs."""
