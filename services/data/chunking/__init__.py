"""Cut chapters into passages of a length counted in tokens."""
