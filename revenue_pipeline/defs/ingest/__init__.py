"""From the inbox to canonical events."""
