"""What Dagster shows and runs. Bodies are thin: the work is done by the packages below."""
