"""All postings of one view of a case: the events known, walked, posted and translated."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tests.oracle.convention import Convention
from tests.oracle.events import Event
from tests.oracle.financing import finance
from tests.oracle.fx import translate
from tests.oracle.postings import Documents, Posting, post_entries
from tests.oracle.recognition import walk
from tests.oracle.state import State


@dataclass(frozen=True)
class Ledger:
    """The books of one view, with the state they came from."""

    state: State
    postings: tuple[Posting, ...]


def keep_books(
    events: Sequence[Event], convention: Convention, horizon: date, fulfilled: frozenset[str]
) -> Ledger:
    """Compute the books that ``events`` lead to."""
    state = walk(events, convention, horizon, fulfilled)
    interest = finance(state, horizon)
    documents = Documents(state, events).build()
    postings = [*documents, *post_entries(state), *interest]
    return Ledger(state, tuple(translate(state, postings)))
