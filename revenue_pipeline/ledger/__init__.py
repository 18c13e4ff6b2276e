"""The ledger: what was posted, append-only. A correction is another entry, never an edit."""
