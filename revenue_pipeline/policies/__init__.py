"""Policies as data: two versions of the seeds compared by what they make of the same log."""
