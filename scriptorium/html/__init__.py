"""Shared parts of HTML pages and their plots."""
