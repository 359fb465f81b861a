"""Metro: which trip each train ran, how precisely, and how punctual the lines were.

**Reads** landing files of the signalling system (`movement_event`, `signal_reading`, `infra_section`), of the trains
(`passenger_event`), of the timetable (`stops`, `routes`, `trips`, `stop_times`, `calendar`, `calendar_dates`,
`plan_change`) and, where there are any, visits observed elsewhere (`observed_visit`).

**Writes** the lake tables `lake.metro.*` in the live or the settled tier, and in PostgreSQL the marts
`punctuality_daily`, `punctuality_15min`, `punctuality_sensitivity`, `stop_visits` and `planned_calls`.

**Read by** the control room's screens (live tier) and the punctuality report (settled tier).

**If it fails**, readers keep the whole previous release; nothing half-made is shown. A red checkpoint says in one
sentence which rule failed: mend the input and *Clear* that checkpoint, which builds its stage anew. A live window that
was missed is made up for by the next run, which reaches back to the last released one. A nightly run can be cleared or
backfilled on any later day.
"""

from airflow.sdk import dag
from signalbox.cadence import LIVE, NIGHTLY, BusinessDay
from signalbox.house import Owner, house_rules
from signalbox.stages import Pipeline

BUSINESS_DAY = BusinessDay(hour=4, timezone="Europe/Oslo")

for cadence in (LIVE, NIGHTLY):

    @dag(**house_rules("metro", cadence, owner=Owner.NETWORK_OPERATIONS, day=BUSINESS_DAY, doc=__doc__))
    def metro() -> None:
        run = Pipeline("metro", cadence)  # noqa: B023 -- called before the loop goes on
        window, close = run.window(), run.close()
        timetable, movements, readings = run.stage("timetable"), run.stage("movements"), run.stage("readings")
        visits, matching, punctuality = run.stage("visits"), run.stage("matching"), run.stage("punctuality")

        window >> [timetable, movements, readings] >> visits >> matching >> punctuality
        punctuality >> run.release() >> run.serve() >> close
        [timetable, movements, readings] >> close

    metro()
