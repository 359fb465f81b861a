"""Plain messages to Slack: one for each task that fails for good, and what the watch has to say. They must never fail a task.

The text is made in Python and holds nothing that Slack would act on: a rule's sentence may quote the data.
"""

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException
from airflow.sdk.log import redact  # type: ignore[attr-defined]  # public by use, exported nowhere else

from signalbox import runs

if TYPE_CHECKING:
    from airflow.sdk import Context

CONNECTION = "slack_default"
DEFAULT_CHANNEL = "#signalbox"
LONGEST_LINE = 2000
TIMEOUT_S = 10

log = logging.getLogger(__name__)


def task_failed(context: "Context") -> None:
    """Task callback: say which task failed, for which window, and why."""
    ti = context["ti"]
    error = context.get("exception")
    sentence = str(error) if error else "The task ended without a word: it was killed, or its worker was lost."
    _tell_of_run(f"{ti.dag_id} · {ti.task_id} failed", context, sentence, f"Log: {ti.log_url}")


def run_timed_out(context: "Context") -> None:
    """DAG callback: a run that overran its time limit; a run that is red for a task's sake has had its message."""
    if context.get("reason") == "timed_out":
        dag = context["dag"]
        _tell_of_run(f"{dag.dag_id} ran out of time", context, f"The run took longer than {dag.dagrun_timeout}.")


def _tell_of_run(title: str, context: "Context", sentence: str, *more: str) -> None:
    tell(title, sentence, f"Window: {_window(context)}", f"Run: {context['run_id']}", *more)


def tell(title: str, *lines: str) -> bool:
    """Send one message; whether Slack took it."""
    return _deliver("\n".join(_capped(_inert(line), LONGEST_LINE) for line in (title, *lines)))


def _inert(text: str) -> str:
    """Text without secrets, in which Slack finds no mention and no markup of its own."""
    escaped = str(redact(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("@", "@\u200b")


def _capped(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _window(context: "Context") -> str:
    """What the run answers for; before the ledger holds that, or where it cannot be asked, what the run was started for."""
    from spark_jobs.common.ledger import Ledger

    with suppress(Exception):
        return str(Ledger.from_environment().run(runs.run_key(context)).window)
    try:
        return str(runs.explicit_window(context) or runs.interval(context))
    except AirflowFailException:
        # A window that cannot be had is the very failure that is told here.
        return "none"


def _deliver(text: str) -> bool:
    from airflow.providers.slack.hooks.slack import SlackHook

    try:
        hook = SlackHook(slack_conn_id=CONNECTION, timeout=TIMEOUT_S, retry_handlers=[])
        channel = hook.get_connection(CONNECTION).extra_dejson.get("channel", DEFAULT_CHANNEL)
        message = {"channel": channel, "text": text, "mrkdwn": False, "parse": "none", "link_names": False}
        hook.call("chat.postMessage", json={**message, "unfurl_links": False, "unfurl_media": False})
    except AirflowNotFoundException:
        log.warning("No connection %s, so this went to nobody: %s", CONNECTION, text)
        return False
    except Exception:
        log.exception("Slack did not take this message: %s", text)
        return False
    return True
