"""Evaluated models side by side."""
