"""One file for each kind of entry."""
