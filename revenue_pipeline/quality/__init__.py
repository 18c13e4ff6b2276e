"""The quality gate: finance's rules judged on the very rows the journal reads.

Rules are YAML in `expectations/`; Great Expectations is imported nowhere but here.
"""
