"""One vocabulary for all sources: contracts, rights, invoices, usage, credits, payments."""
