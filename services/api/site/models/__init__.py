"""The page of the models that can answer, with forms that keep one loaded or delete it."""
