"""Checks of the data that run before any GPU time is spent, one module per kind of fault."""
