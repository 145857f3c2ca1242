"""The merger service: it merges a trained adapter into its base, and proves the result."""
