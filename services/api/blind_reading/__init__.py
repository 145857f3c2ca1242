"""Blind reading: people compare texts of base and tuned model without knowing which is which."""
