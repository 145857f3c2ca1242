"""Gates: what may be wrong with data, found before any GPU time. One file per kind of check."""
