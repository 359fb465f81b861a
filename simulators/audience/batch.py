"""The events of a batch of users: drawn, spoilt, in order of arrival, as rows of the landing tables."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulators.audience import noise
from simulators.audience.dims import advertisers
from simulators.audience.events import LOWER, PLAIN, SPACED, Rows, Sampler, concat, renumbered, repeats
from simulators.audience.landing import named, numbered, pick
from simulators.audience.model import Model
from simulators.audience.noise import Spot

ADDS, VISITS = "segment_events", "pixel_events"
EVENT_PREFIX = {ADDS: "a", VISITS: "v"}
# Event ids of a batch begin at a multiple of it.
EVENTS_A_BATCH = 100_000_000
PROVIDERS = 4


@dataclass(frozen=True)
class Batch:
    """Landed rows by table, sorted by arrival, what was planted in them, and the ids of the users who are bots."""

    tables: dict[str, Rows]
    spots: dict[str, list[Spot]]
    bots: list[str]


def draw_batch(sampler: Sampler, part: int, users: range) -> Batch:
    """All that happens to some users."""
    model, settings = sampler.model, sampler.model.settings
    adds, visits, cause = sampler.draw(settings.stream("events", part), len(users))
    rng = settings.stream("noise", part)
    ties = noise.plant_ties(settings, rng, adds, visits, cause)
    spared = noise.key_of(adds)[cause[ties]]
    adds = concat([adds, repeats(settings, settings.stream("repeats", part), adds)])
    adds, of_adds = noise.rejoin(settings, rng, adds, spared)
    extra, bots = noise.bots(settings, rng, len(users), part)
    of_visits = [Spot("tie", visits.take(ties))]
    visits = concat([visits, renumbered(extra, len(visits))])
    few = noise.FEW if part == 0 and settings.noise > 0 else 0
    odd = dict.fromkeys(noise.ODDITIES, few)
    adds, more = noise.spoil(settings, rng, adds, settings.segments, odd | {"remove": few})
    of_adds += more
    visits, more = noise.spoil(settings, rng, visits, settings.pixels, odd)
    of_visits += more
    tables = {ADDS: _in_order(model, adds), VISITS: _in_order(model, visits)}
    names = _names(users).take(pa.array(bots)).to_pylist()
    return Batch(tables, {ADDS: of_adds, VISITS: of_visits}, names)


def _in_order(model: Model, events: Rows) -> Rows:
    """Sorted by day of arrival, then time; equal ones stay as they are."""
    settings = model.settings
    of_run = np.clip(events.ts - settings.start, -1, settings.span) + 1
    return events.take(np.argsort(events.arrived * (settings.span + 2) + of_run, kind="stable"))


def _names(users: range) -> pa.Array:
    return numbered("U", users.start, len(users), 7)


def event_ids(table: str, part: int, events: Rows) -> pa.Array:
    """Event ids of rows of a batch."""
    return named(EVENT_PREFIX[table], events.number + part * EVENTS_A_BATCH, 11)


def user_ids(users: range, events: Rows) -> pa.Array:
    """User ids as they are spelt."""
    plain = _names(users)
    if (events.spelling == PLAIN).all():
        return plain.take(pa.array(events.user))
    spelt = {
        PLAIN: plain,
        SPACED: pc.binary_join_element_wise(" ", plain, "  ", ""),
        LOWER: pc.utf8_lower(plain),
    }
    names = pa.concat_arrays([spelt[spelling] for spelling in sorted(spelt)])
    return names.take(pa.array(events.user + len(users) * events.spelling.astype(np.int64)))


def landed_rows(model: Model, table: str, part: int, users: range, events: Rows) -> pa.Table:
    """The columns of the table's contract."""
    columns = {
        "event_id": event_ids(table, part, events),
        "user_id": user_ids(users, events),
        "ts": pa.array(events.ts, pa.int64()),
    }
    if table == ADDS:
        providers = [f"provider-{number}" for number in range(PROVIDERS)]
        columns["segment_id"] = pick([*model.segment_ids.to_pylist(), "S-unknown"], events.item)
        columns["op"] = pick(["add", "remove"], events.op)
        columns["source"] = pick(providers, np.append(model.group, 0)[events.item] % PROVIDERS)
    else:
        names, owner = advertisers(model)
        columns["pixel_id"] = pick([*model.pixel_ids.to_pylist(), "P-unknown"], events.item)
        columns["advertiser_id"] = pick(names, np.append(owner, 0)[events.item])
    return pa.table(columns)


def planted_rows(batch: Batch, part: int, users: range) -> pa.Table:
    """Rows of gt_planted: table, kind, event_id, id (of the user)."""
    found = []
    for table, spots in batch.spots.items():
        for spot in spots:
            count = len(spot.rows)
            columns = {
                "table": pa.repeat(table, count),
                "kind": pa.repeat(spot.kind, count),
                "event_id": event_ids(table, part, spot.rows),
                "id": user_ids(users, replace(spot.rows, spelling=np.zeros(count, dtype=np.int8))),
            }
            found.append(pa.table(columns))
    return pa.concat_tables([*found, planted_ids(VISITS, "bot", batch.bots)])


def planted_ids(table: str, kind: str, ids: list[str]) -> pa.Table:
    """Rows of gt_planted that are no event."""
    nothing, same = pa.nulls(len(ids), pa.string()), pa.repeat(pa.scalar(kind), len(ids))
    columns = {"table": pa.repeat(table, len(ids)), "kind": same, "event_id": nothing, "id": pa.array(ids, pa.string())}
    return pa.table(columns)
