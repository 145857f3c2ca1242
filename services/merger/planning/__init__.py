"""Plan a merge: which checkpoint, onto which base, and what each tensor is made of."""
