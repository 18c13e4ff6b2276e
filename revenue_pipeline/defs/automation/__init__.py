"""What starts by itself, and what may not run at the same time."""
