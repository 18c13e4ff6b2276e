"""Revenue Pipeline: a revenue subledger built as a data pipeline."""
