"""The accounting rules told a second time, in plain Python with exact fractions.

The product computes in SQL. Nothing here is imported by it, and nothing of it is imported here:
where the two agree, they agree because both are right or both misread the same rule, and the
hand-worked numbers in ``tests/unit/test_oracle.py`` guard against the second.
"""
