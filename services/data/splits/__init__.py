"""Split passages into train, dev and test, and keep the same text from being on both sides."""
