"""Which tables hold evidence, and which hold a current state that follows from it."""

SCHEMAS = ("landing", "canonical", "governance", "ledger", "erp", "derivation")

# Every other table of these schemas is append-only and part of the chain.
CURRENT_STATE = {
    "landing.unsequenced": "queue: deliveries that wait for their place in the log",
    "landing.watermark": "how far a consumer has read; what it wrote carries its own log_seq",
    "canonical.envelope": "template of the event tables; holds no rows",
    "governance.unsealed": "queue: digests that wait for their link",
    "derivation.scope": "what the newest derive covers; follows from the events since the last one",
    "ledger.period": "newest state of each period; compared with ledger.period_event",
}
# The chain itself: append-only, hashed by its own columns.
CHAIN = ("governance.digest", "governance.chain")
