"""The page on which the base and a tuned model answer the same prompt side by side."""
