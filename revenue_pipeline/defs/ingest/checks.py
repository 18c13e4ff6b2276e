"""Nothing that arrived is lost on the way to canonical events."""

import dagster as dg

from revenue_pipeline.defs.conventions import CANONICAL_TABLES
from revenue_pipeline.defs.resources import WarehouseResource

_UNACCOUNTED = """
    select source, received_count, processed_count, waiting_count, dead_count, duplicate_count
    from landing.completeness
    where received_count
        <> processed_count + waiting_count + dead_count + duplicate_count
    order by source
"""
_SKIPPED = """
    select count(*)
    from landing.inbox_log as log
    where
        log.log_seq <= (select coalesce(max(log_seq), 0) from landing.watermark
            where consumer = 'canonical')
        and not exists (select from landing.attempt where attempt.inbox_id = log.inbox_id)
"""


@dg.asset_check(
    asset=["canonical", "contract_event"],
    name="every_delivery_is_accounted_for",
    additional_deps=[["canonical", table] for table in CANONICAL_TABLES[1:]],
    blocking=True,
    description="Per source: received = processed + waiting + dead letters + duplicates.",
)
def completeness(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Compare what loads counted with what became of the rows.

    And no row of the log below the watermark may lack an outcome.
    """
    with warehouse.connect() as connection:
        lost = connection.execute(_UNACCOUNTED).fetchall()
        skipped = connection.execute(_SKIPPED).fetchone()
        assert skipped is not None
        counts = connection.execute(
            "select source, received_count, processed_count, waiting_count, dead_count,"
            " duplicate_count from landing.completeness order by source"
        ).fetchall()
    passed = not lost and not skipped[0]
    return dg.AssetCheckResult(
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR,
        description="Every delivery has an outcome."
        if passed
        else f"{len(lost)} sources do not add up; {skipped[0]} rows were passed over.",
        metadata={
            "sources": dg.TableMetadataValue(
                records=[
                    dg.TableRecord(
                        {
                            "source": source,
                            "received": received,
                            "processed": processed,
                            "waiting": waiting,
                            "dead": dead,
                            "duplicates": duplicates,
                        }
                    )
                    for source, received, processed, waiting, dead, duplicates in counts
                ],
                schema=dg.TableSchema(
                    columns=[
                        dg.TableColumn("source", "string"),
                        *(
                            dg.TableColumn(name, "int")
                            for name in ("received", "processed", "waiting", "dead", "duplicates")
                        ),
                    ]
                ),
            ),
            "rows_passed_over": int(skipped[0]),
        },
    )
