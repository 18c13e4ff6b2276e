"""Posting, closing, and what ERP teams read."""
