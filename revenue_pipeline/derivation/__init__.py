"""Deriving with other seeds than the project's own: a copy of the dbt project, built by itself."""
