"""The comparison of evaluated models."""
