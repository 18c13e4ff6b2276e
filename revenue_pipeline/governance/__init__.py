"""Who did what, and proof that what is kept is what was written."""
