"""Each comparison of the verifier is needed: without it something touched goes unnoticed."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from revenue_pipeline.governance import verify as verifier
from tests.integration.governance.test_tampering import forge, undone

Connection = psycopg.Connection[Any]

LAST = "(select max(link_no) from governance.chain)"
# text of verify.sql, what stands there instead, and what is then not noticed
WEAKENED = {
    "content of rows": (
        "where told.hash is distinct from there.hash or not there.is_body_whole",
        "where (told.hash is null) <> (there.hash is null) or not there.is_body_whole",
        "update ledger.journal_line set amount_minor = 9 where line_no = 2",
    ),
    "bytes received": (
        " or not there.is_body_whole",
        "",
        "update landing.inbox set body = 'x' where inbox_id = 2",
    ),
    "rows that are gone": (
        "full join there on told.key = there.key",
        "right join there on told.key = there.key",
        "delete from canonical.usage_event where event_id = 'event_id-2'",
    ),
    "rows nobody wrote": (
        "full join there on told.key = there.key",
        "left join there on told.key = there.key",
        "insert into landing.attempt (attempt_id, inbox_id, log_seq, adapter_version, outcome)"
        " values (99, 1, 1, '1', 'dead')",
    ),
    "content of links": (
        "ordered.hash\n            <> governance.link_of(",
        "ordered.hash <> ordered.hash and ordered.hash\n            <> governance.link_of(",
        f"update governance.chain set sealed_at = sealed_at + '1 s' where link_no = {LAST}",
    ),
    "content of digests": (
        "    or digest.digest <> governance.digest_of(digest.table_name, digest.row_keys,"
        " digest.row_hashes)\norder",
        "order",
        "update governance.digest set digest = set_byte(digest, 0, 255 - get_byte(digest, 0))"
        " where digest_id = 2",
    ),
    "links that are gone": (
        "    or (chain.digest_id is null and unsealed.digest_id is null)\n",
        "",
        f"delete from governance.chain where link_no = {LAST}",
    ),
    "states of periods": (
        "where period.state is distinct from newest.state",
        "where false",
        "update ledger.period set state = 'x' where entity_id = 'entity_id-2'",
    ),
    "grants": (
        "entry.privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')",
        "entry.privilege_type in ('DELETE', 'TRUNCATE', 'TRIGGER')",
        "grant update on ledger.journal_line to revenue_app",
    ),
    "guards": (
        "and guard.tgtype & 58 = 58",
        "and guard.tgtype & 58 > 0",
        "drop trigger chain_append_only on governance.chain;"
        " create trigger chain_append_only before delete on governance.chain"
        " for each statement execute function landing.refuse_change()",
    ),
    "functions": (
        "where there.source is distinct from shipped.source",
        "where there.source is null",
        "create or replace function landing.refuse_change() returns trigger language plpgsql"
        " as $$ begin return null; end $$",
    ),
    "tables that are gone": (
        "where to_regclass(digest.table_name) is null",
        "where false",
        "drop table canonical.fx_rate_event cascade",
    ),
}


@pytest.mark.parametrize("comparison", WEAKENED)
def test_a_comparison_left_out_lets_something_pass(
    filled: Connection, comparison: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, touched = WEAKENED[comparison]
    text = verifier._SQL.read_text()
    assert text.count(old) == 1
    weakened = tmp_path / "verify.sql"
    weakened.write_text(text.replace(old, new))
    with undone(filled):
        filled.execute(touched.encode())
        assert not verifier.verify(filled).is_clean
        monkeypatch.setattr(verifier, "_SQL", weakened)
        assert verifier.verify(filled).findings == []


def test_without_the_heads_kept_in_it_a_chain_written_anew_passes(
    filled: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = verifier._SQL.read_text()
    old = "and chain.hash is distinct from act.head_hash"
    assert text.count(old) == 1
    weakened = tmp_path / "verify.sql"
    weakened.write_text(text.replace(old, "and false"))
    with undone(filled):
        forge(filled)
        assert not verifier.verify(filled).is_clean
        monkeypatch.setattr(verifier, "_SQL", weakened)
        assert verifier.verify(filled).is_clean
