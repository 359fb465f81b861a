"""Keeps an attempt's lease alive from a background thread while the attempt works."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from spark_jobs.common.ledger.records import Attempt
from spark_jobs.common.ledger.store import Ledger

RENEW_EVERY_S = 20
_log = logging.getLogger(__name__)


@contextmanager
def renewed(ledger: Ledger, attempt: Attempt) -> Iterator[Attempt]:
    """Renew until the block ends. A lease that is lost stays lost: the ledger refuses the attempt's receipt or release."""
    done = threading.Event()

    def keep() -> None:
        while not done.wait(RENEW_EVERY_S):
            try:
                if not ledger.renew(attempt):
                    _log.warning(
                        "The lease of %s was taken over; attempt %d can no longer publish.",
                        attempt.run.run_key,
                        attempt.number,
                    )
                    return
            except SQLAlchemyError as error:
                _log.warning("The lease could not be renewed now, trying again in %d s: %s", RENEW_EVERY_S, error)

    thread = threading.Thread(target=keep, name="lease", daemon=True)
    thread.start()
    try:
        yield attempt
    finally:
        done.set()
        thread.join(timeout=RENEW_EVERY_S)
