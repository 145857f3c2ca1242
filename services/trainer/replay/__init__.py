"""Replay: the base's own answers to plain requests, asked before training, cached, and mixed into the rows."""
