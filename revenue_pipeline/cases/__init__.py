"""Acceptance cases: worked examples of revenue recognition, run and compared figure by figure."""
