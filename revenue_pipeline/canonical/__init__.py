"""One vocabulary for what all sources say: contracts, rights, invoices, usage, credits, payments."""
