"""The dbt project as assets, built by dbt in this process."""
