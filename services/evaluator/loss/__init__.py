"""Loss on held-out text: how much training lowered it, and how likely the base finds what was written."""
