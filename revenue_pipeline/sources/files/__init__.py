"""File agreements: CSV files described in YAML, without code. See agreements/*.yml."""
