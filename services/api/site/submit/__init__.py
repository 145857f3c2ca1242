"""The pages on which a book is sent: the file first, then an estimate, then the start."""
