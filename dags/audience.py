"""Audience: how much more, or less, common each audience segment is among the visitors of a site than in its group.

**Reads** the day's landing files of segment adds (`segment_events`) and site visits (`pixel_events`), all files so far of
`segment_dim` and `pixel_dim`, and the state of all users at the end of the day before (`lake.audience.udb`).

**Writes** the lake tables `lake.audience.*`: the state of all users at the end of the day, under the tag `ds_YYYYMMDD`, and
the index; in PostgreSQL the marts `air_*`, swapped in whole, with the view `audience_index_pixel`; and the report.

**Read by** advertisers, who choose from it whom to address.

**If it fails**, readers keep the index of the day before. `state` waits while the day before is not released and says so:
run that day, in order, or let a state begin by triggering with `state_from`. A day that is run again leaves later ones
standing on what it was: *Clear* them too, with *Future*, and they run again in order. A publish is refused when rows fall
by half or the median index moves by 30 %: look at the log of `serve`, then trigger it with `force_publish`.
"""

from airflow.sdk import dag
from signalbox.cadence import NIGHTLY, BusinessDay
from signalbox.house import Owner, house_rules
from signalbox.stages import Pipeline

BUSINESS_DAY = BusinessDay(hour=0, timezone="UTC")


@dag(
    **house_rules(
        "audience", NIGHTLY, owner=Owner.MEDIA, day=BUSINESS_DAY, doc=__doc__, carries_state=True, refuses_marts=True
    )
)
def audience() -> None:
    run = Pipeline("audience", NIGHTLY)
    window, close = run.window(), run.close()
    dimensions, events, days = run.stage("dimensions"), run.stage("events"), run.stage("days")
    udb, index = run.stage("udb"), run.stage("index")

    window >> run.state() >> dimensions >> events >> days >> udb >> index
    index >> run.release() >> run.serve() >> run.report() >> close


audience()
