"""When each DAG runs, by slug and cadence: the pipelines by name, so that no test passes because it found none.

`make new-pipeline` adds a line here, `make remove-pipeline` takes it out.
"""

SCHEDULES = {
    "audience": {"nightly": ("0 0 * * *", "UTC")},
    "inventory": {"nightly": ("0 0 * * *", "UTC")},
    "metro": {"live": ("*/5 * * * *", "UTC"), "nightly": ("0 4 * * *", "Europe/Oslo")},
}
