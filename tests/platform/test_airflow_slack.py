"""The message that a failed task sends, as Slack would receive it."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException
from signalbox import alerts

from platform_local.slack_standin import TOKEN, SlackStandin, slack_standin
from spark_jobs.common.window import Window

LOG_URL = "http://127.0.0.1:8080/dags/metro_live/runs/manual__1/tasks/movements.checkpoint?try_number=1"
SENTENCE = "Stage movements, rule key: a train is in one place at a time. Observed: 3."


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackStandin]:
    with slack_standin() as standin:
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", standin.connection())
        yield standin


def failure(sentence: str | None = SENTENCE, **params: str) -> dict:
    run = SimpleNamespace(
        dag_id="metro_live",
        run_id="manual__1",
        data_interval_start=datetime(2024, 3, 12, 9, 50, tzinfo=UTC),
        data_interval_end=datetime(2024, 3, 12, 9, 55, tzinfo=UTC),
    )
    ti = SimpleNamespace(dag_id="metro_live", task_id="movements.checkpoint", log_url=LOG_URL)
    context = {"dag_run": run, "run_id": run.run_id, "ti": ti, "params": params}
    return {**context, "exception": AirflowFailException(sentence)} if sentence else context


def text_of(slack: SlackStandin) -> str:
    assert slack.refusals == []
    (message,) = slack.messages
    return message["text"]


def test_it_says_what_failed_why_for_which_window_and_where_to_read_on(slack):
    alerts.task_failed(failure())
    assert text_of(slack).splitlines() == [
        "metro_live · movements.checkpoint failed",
        SENTENCE,
        "Window: [2024-03-12 09:50:00Z, 2024-03-12 09:55:00Z)",
        "Run: manual__1",
        f"Log: {LOG_URL}",
    ]


def test_a_run_that_took_over_missed_windows_says_what_it_answers_for(slack, ledger):
    missed = Window.parse("2024-03-12T09:20:00+00:00", "2024-03-12T09:55:00+00:00")
    ledger.open_run("metro", "live", "metro_live/scheduled__1", None, missed)
    context = failure()
    context["dag_run"].run_id = "scheduled__1"
    alerts.task_failed(context)
    ledger.close_run("metro_live/scheduled__1")
    assert text_of(slack).splitlines()[2] == f"Window: {missed}"


def test_a_stand_in_tells_each_message_as_it_comes():
    said: list[str] = []
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    body = b'{"channel": "#signalbox", "text": "metro_live failed"}'
    assert SlackStandin(say=said.append).judge("/api/chat.postMessage", headers, body)[0] == 200
    assert [line.splitlines()[1] for line in said] == ["metro_live failed"]


def test_text_from_data_mentions_nobody_and_marks_nothing_up(slack):
    alerts.task_failed(failure("Line <!channel> & <@U024BE7LH> wrote @here <http://bad|good>"))
    assert text_of(slack).splitlines()[1] == (
        "Line &lt;!channel&gt; &amp; &lt;@\u200bU024BE7LH&gt; wrote @\u200bhere &lt;http://bad|good&gt;"
    )
    assert (slack.messages[0]["parse"], slack.messages[0]["mrkdwn"]) == ("none", False)


def test_a_long_sentence_is_cut_and_the_log_link_stays(slack):
    alerts.task_failed(failure("<x>" * 20_000))
    lines = text_of(slack).splitlines()
    assert len(lines[1]) == alerts.LONGEST_LINE
    assert lines[-1] == f"Log: {LOG_URL}"


def test_a_task_that_was_killed_has_a_message_too(slack):
    alerts.task_failed(failure(None))
    assert "it was killed, or its worker was lost" in text_of(slack)


def test_a_window_that_cannot_be_had_does_not_stop_the_message(slack):
    alerts.task_failed(failure("Give both.", window_start="2024-03-12T05:00:00+01:00"))
    assert text_of(slack).splitlines()[1:3] == ["Give both.", "Window: none"]


@pytest.mark.parametrize(("reason", "messages"), [("timed_out", 1), ("task_failure", 0)])
def test_a_red_run_speaks_only_if_no_task_has_spoken_for_it(slack, reason, messages):
    dag = SimpleNamespace(dag_id="metro_live", dagrun_timeout=timedelta(minutes=20))
    alerts.run_timed_out({**failure(None), "dag": dag, "reason": reason})
    assert len(slack.messages) == messages


def test_without_a_connection_there_is_one_line_in_the_log(monkeypatch, caplog):
    monkeypatch.delenv("AIRFLOW_CONN_SLACK_DEFAULT", raising=False)
    with caplog.at_level(logging.WARNING, logger="signalbox"):
        alerts.task_failed(failure())
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "No connection slack_default" in caplog.text


def test_a_slack_that_is_down_fails_nothing(slack, caplog):
    slack.broken_with = 503
    alerts.task_failed(failure())
    assert "Slack did not take this message" in caplog.text


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        pytest.param({"token": "xoxb-another"}, "invalid_auth", id="a wrong token"),
        pytest.param({"channels": ("#elsewhere",)}, "channel_not_found", id="an unknown channel"),
    ],
)
def test_the_standin_refuses_what_slack_refuses(slack, change, refusal):
    """Without this, the tests above could pass against a stand-in that takes anything."""
    for name, value in change.items():
        setattr(slack, name, value)
    alerts.task_failed(failure())
    assert (slack.messages, slack.refusals) == ([], [refusal])
