"""Inventory: how far the stock of each material may fall before more of it is ordered, and what to do about the stock.

**Reads** landing files of the materials (`material_master`), of what was issued of them (`monthly_demand` or
`movements`), of receipts (`lead_times`) and bills of materials (`bom`), all that have landed so far.

**Writes** the lake tables `lake.inventory.*`, each as a whole, in PostgreSQL the marts `inv_*`, and the report with the
planners' file. On Sundays every material is computed, in other nights those whose data changed.

**Read by** planners, who set reorder points from it.

**If it fails**, readers keep the whole previous release; yesterday's reorder points are as good as today's for most
materials. A red checkpoint says in one sentence which rule failed: mend the input and *Clear* that checkpoint, which
builds its stage anew. When only `report` is red, the marts are new and the page is not: clear that task alone. A single
material that cannot be computed does not fail the run: its row says `failed` and why.
"""

from airflow.sdk import dag
from signalbox.cadence import NIGHTLY, BusinessDay
from signalbox.house import Owner, house_rules
from signalbox.stages import Pipeline

BUSINESS_DAY = BusinessDay(hour=0, timezone="UTC")


@dag(**house_rules("inventory", NIGHTLY, owner=Owner.SUPPLY_CHAIN, day=BUSINESS_DAY, doc=__doc__))
def inventory() -> None:
    run = Pipeline("inventory", NIGHTLY)
    window, close = run.window(), run.close()
    ingest, histories = run.stage("ingest"), run.stage("histories")
    backtest, recommendations, review = run.stage("backtest"), run.stage("recommendations"), run.stage("review")

    window >> ingest >> histories >> backtest >> recommendations >> review
    review >> run.release() >> run.serve() >> run.report() >> close


inventory()
