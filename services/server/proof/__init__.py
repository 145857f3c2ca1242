"""The proof that what is served is what was trained: token ids, agreement with the adapter, endings."""
