"""Split passages into train, dev and test, and keep text from standing on both sides."""
