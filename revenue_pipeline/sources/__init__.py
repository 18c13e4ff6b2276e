"""Adapters: how each source's deliveries are split into records and what they mean."""
