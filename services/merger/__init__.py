"""The merger service."""
