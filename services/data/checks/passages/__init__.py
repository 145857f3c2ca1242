"""Checks of one passage at a time, each of one kind of fault."""
