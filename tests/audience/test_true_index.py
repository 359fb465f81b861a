"""The true index is that of the process: what many users show, and what 95 % intervals of few users cover."""

from dataclasses import replace

import numpy as np
import pytest

from simulators.audience.events import Rows, Sampler
from simulators.audience.index import true_index
from simulators.audience.model import Model, draw_model
from simulators.audience.preset import SMALL, Settings
from tests.audience.simulated import truth, world

SMALL_WORLD = Settings(0, 0, SMALL.segments, SMALL.groups, SMALL.pixels, SMALL.days, SMALL.adds, SMALL.visits)
Z95 = 1.959963984540054


def firsts(events: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """User, item and time of the first event of each user and item, sorted by user."""
    order = np.lexsort((events.ts, events.item, events.user))
    user, item, ts = events.user[order], events.item[order], events.ts[order]
    first = np.r_[True, (np.diff(user) != 0) | (np.diff(item) != 0)]
    return user[first], item[first], ts[first]


def count(model: Model, seed: int, users: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """n_sp, n_Gp, n_s, n_G of simulated users, each of shape (segments, pixels)."""
    shape, groups = model.visit.shape, model.settings.groups + 1
    adds, visits, _ = Sampler(model).draw(np.random.default_rng(seed), users)
    (owner, segment, added), (visitor, pixel, seen) = firsts(adds), firsts(visits)
    begin, end = np.searchsorted(owner, visitor), np.searchsorted(owner, visitor, side="right")
    visit = np.repeat(np.arange(len(visitor)), end - begin)
    add = np.concatenate([np.arange(0), *map(np.arange, begin, end)])
    ordered = added[add] < seen[visit]
    add, visit = add[ordered], visit[ordered]
    group = model.group[segment]
    n_sp = np.bincount(segment[add] * shape[1] + pixel[visit], minlength=shape[0] * shape[1]).reshape(shape)
    pairs = np.unique(visit * groups + group[add])
    n_gp = np.bincount((pairs % groups) * shape[1] + pixel[pairs // groups], minlength=groups * shape[1])
    n_g = np.bincount(np.unique(owner * groups + group) % groups, minlength=groups)
    n_s = np.broadcast_to(np.bincount(segment, minlength=shape[0])[:, None], shape)
    return n_sp, n_gp.reshape(groups, -1)[model.group], n_s, np.broadcast_to(n_g[model.group][:, None], shape)


def wilson(hits: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of a share."""
    share, z2 = hits / trials, Z95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 * np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return middle - half, middle + half


def test_the_index_that_many_users_show_is_the_true_one():
    model = draw_model(SMALL_WORLD)
    n_sp, n_gp, n_s, n_g = count(model, seed=1, users=100_000)
    truth_of, share = true_index(model), n_s / n_g
    cells = np.isfinite(truth_of) & (n_gp * share >= 100) & (n_gp <= 0.1 * n_g)
    assert cells.sum() > 500
    p = (share * truth_of / 100)[cells]
    z = (n_sp[cells] - n_gp[cells] * p) / np.sqrt(n_gp[cells] * p * (1 - p))
    assert z.mean() == pytest.approx(0, abs=0.15)
    assert z.std() == pytest.approx(1, abs=0.15)
    assert np.nanmin(truth_of) < 75 and np.nanmax(truth_of) > 160


@pytest.mark.parametrize("users", [20_000, 50_000])
def test_intervals_cover_the_true_index_in_95_cells_of_100(users):
    covered, cells = 0, 0
    for seed in range(4):
        model = draw_model(replace(SMALL_WORLD, seed=seed))
        n_sp, n_gp, n_s, n_g = count(model, 100 + seed, users)
        share, truth_of = n_s / n_g, true_index(model)
        judged = np.isfinite(truth_of) & (n_gp * share >= 5) & (n_gp >= 50) & (n_gp <= 0.1 * n_g)
        low, high = (100 * end / share[judged] for end in wilson(n_sp[judged], n_gp[judged]))
        covered += ((low <= truth_of[judged]) & (truth_of[judged] <= high)).sum()
        cells += judged.sum()
    assert cells > 5_000
    assert 0.93 <= covered / cells <= 0.97


def test_a_segment_alone_in_its_group_has_the_index_100_and_one_without_a_group_none():
    model = draw_model(replace(SMALL_WORLD, groups=39))
    index, members = true_index(model), np.bincount(model.group)[model.group]
    grouped = model.group < 39
    assert index[grouped & (members == 1)] == pytest.approx(100) and (grouped & (members == 1)).any()
    assert np.isnan(index[~grouped]).all() and (~grouped).sum() == 1


@pytest.mark.parametrize(("days", "known"), [("90", True), ("91", False)])
def test_the_true_index_is_null_where_pixels_are_forgotten(tmp_path, days, known):
    rows = truth(world(tmp_path, "--noise", "0", "--days", days, users=50), "gt_lift")
    assert rows.true_index.notna().mean() == pytest.approx(39 / 40 if known else 0)
    assert (rows.lift > 0).all()


def test_the_landed_counts_are_those_of_the_process(tmp_path):
    """Of every cell with enough users in a clean run of the simulator as a whole, 95 in 100 intervals cover the truth."""
    folder = world(tmp_path, "--noise", "0", users=10_000)
    cells = truth(folder, "gt_counts").merge(truth(folder, "gt_lift").dropna(), on=["segment_id", "pixel_id"])
    share = cells.n_s / cells.n_g
    judged = (cells.n_gp * share >= 5) & (cells.n_gp >= 50) & (cells.n_gp <= 0.1 * cells.n_g)
    low, high = wilson(cells.n_sp, cells.n_gp)
    covered = (100 * low / share <= cells.true_index) & (cells.true_index <= 100 * high / share)
    assert judged.sum() > 800
    assert covered[judged].mean() == pytest.approx(0.95, abs=0.025)
