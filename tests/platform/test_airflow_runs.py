"""From a DAG run to a window: what is taken, what is refused, and with which sentence."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException
from signalbox import runs
from signalbox.cadence import NIGHTLY, BusinessDay
from signalbox.engines import ServeJob
from signalbox.house import Owner, house_rules

from spark_jobs.common.window import Window

INTERVAL = (datetime(2024, 3, 12, 3, tzinfo=UTC), datetime(2024, 3, 13, 3, tzinfo=UTC))
START, END = "2024-03-12T05:00:00+01:00", "2024-03-12T06:00:00+01:00"


def context(start=None, end=None, interval=INTERVAL):
    run = SimpleNamespace(
        dag_id="metro_live", run_id="manual__1", data_interval_start=interval[0], data_interval_end=interval[1]
    )
    return {"dag_run": run, "params": {"window_start": start, "window_end": end}}


def test_a_run_has_one_name_in_the_ledger():
    assert runs.run_key(context()) == "metro_live/manual__1"


def test_without_params_the_run_asks_for_no_window_of_its_own():
    assert runs.explicit_window(context()) is None
    assert runs.interval(context()) == Window(*INTERVAL)


def test_given_times_are_taken_as_instants():
    asked = runs.explicit_window(context(START, END))
    assert asked == Window(datetime(2024, 3, 12, 4, tzinfo=UTC), datetime(2024, 3, 12, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        pytest.param(START, None, "together, or neither", id="half a window"),
        pytest.param("2024-03-12T05:00:00", END, "has no offset", id="no offset"),
        pytest.param("yesterday", END, "not an ISO time", id="not a time"),
        pytest.param("{{ ds }}", END, "not an ISO time", id="a template"),
        pytest.param(END, START, "ends after it starts", id="ends before it starts"),
        pytest.param(START, START, "ends after it starts", id="no length"),
        pytest.param(7, END, "not an ISO time", id="a number"),
        pytest.param(START, "2124-03-12T06:00:00+01:00", "is still to come", id="not over yet"),
    ],
)
def test_a_window_that_is_none_fails_for_good_with_a_sentence(start, end, sentence):
    with pytest.raises(AirflowFailException, match=sentence):
        runs.explicit_window(context(start, end))


def test_a_run_without_a_logical_date_needs_both_times():
    with pytest.raises(AirflowFailException, match="no data interval"):
        runs.interval(context(interval=(None, None)))
    assert runs.interval(context(START, END, interval=(None, None))) == Window.parse(START, END)


def test_a_job_gets_typed_arguments_and_nothing_else_of_the_conf():
    asked = context(START, END)
    asked["params"]["window_end; rm"] = "x"
    assert runs.job_arguments(asked, "live") == [
        *("--cadence", "live", "--run-key", "metro_live/manual__1"),
        *("--interval-start", "2024-03-12T03:00:00+00:00", "--interval-end", "2024-03-13T03:00:00+00:00"),
        *("--window-start", "2024-03-12T04:00:00+00:00", "--window-end", "2024-03-12T05:00:00+00:00"),
    ]


@pytest.mark.parametrize(
    ("params", "arguments"),
    [
        ({}, []),
        ({"force_publish": ""}, []),
        ({"force_publish": None}, []),
        ({"force_publish": " the campaign has ended "}, ["--force-publish=the campaign has ended"]),
        ({"force_publish": "--run-key other"}, ["--force-publish=--run-key other"]),
    ],
)
def test_a_reason_to_publish_by_force_is_one_argument_of_serve(params, arguments):
    asked = context()
    asked["params"].update(params)
    assert runs.serve_arguments(asked) == arguments
    serving = ServeJob(task_id="serve", command=("serve", "metro"), cadence=NIGHTLY)
    assert serving.arguments(asked)[len(runs.job_arguments(asked, "nightly")) :] == arguments


def test_only_the_form_of_a_pipeline_that_refuses_marts_asks_for_a_reason():
    told = {"owner": Owner.DATA_PLATFORM, "day": BusinessDay(hour=0, timezone="UTC"), "doc": "Doc."}
    assert "force_publish" not in house_rules("metro", NIGHTLY, **told)["params"]
    assert house_rules("metro", NIGHTLY, **told, refuses_marts=True)["params"]["force_publish"].value == ""
