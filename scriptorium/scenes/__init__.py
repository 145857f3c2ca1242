"""New scenes: briefs that no book of before could contain, with names that are ours."""
