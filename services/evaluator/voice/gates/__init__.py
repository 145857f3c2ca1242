"""What may not go wrong whatever the score says: one gate a file, each with a code, its numbers and a next step."""
