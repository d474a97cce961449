"""The clairvoyant fluid bound: no policy whatever can have more effective accuracy.

Linear program. Request i arrives at r_i and is due at d_i. Share z_ij of its leg j (the stretch
from stop j − 1 to stop j) adds gain_j · z_ij and takes cost_j · z_ij of the device, where cost_j
is the leg's time per row in full batches, the least any row can be charged. The device is a fluid:
batches, legs and rows may be cut anywhere. Where a later arrival is never due earlier, serving in
order of arrival loses nothing, so with e_i the end of i's work the constraints are
e_i ≥ e_(i−1) + work_i, e_i ≥ r_i + work_i, e_i ≤ d_i: one chain, no time grid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_matrix, hstack, identity, kron, vstack

from loadtests.simulate.world import SimulatedDevice

_CHUNK = 1500


def fluid_bound(arrivals: Sequence[float], budget_s: float, world: SimulatedDevice) -> float:
    """Return an upper bound of effective accuracy (points of 100) for these arrivals.

    Arrivals are solved in chunks of 1500; a chunk starts with an idle device, which only raises
    the bound.

    Raises:
        RuntimeError: if the solver fails.
    """
    if not arrivals:
        return 0.0
    chunks = [arrivals[at : at + _CHUNK] for at in range(0, len(arrivals), _CHUNK)]
    return sum(_points(chunk, budget_s, world) for chunk in chunks) / len(arrivals)


def _points(arrivals: Sequence[float], budget_s: float, world: SimulatedDevice) -> float:
    """Return the most quality points that requests of one chunk can collect."""
    route = world.route()
    starts = [0, *(stop.steps for stop in route.course.stops[:-1])]
    full = world.max_batch
    cost = np.array([route.fixed_s[p] / full + route.row_s[p] for p in starts]) * 1e3
    cost[1:] -= (world.head[0] / full + world.head[1]) * 1e3  # one head, whatever the stop
    gain = np.array(route.gain)
    n, legs = len(arrivals), len(gain)
    arrived = np.asarray(arrivals) * 1e3
    work = kron(identity(n), cost[None, :])  # [n, n·legs]: work_i = Σ_j cost_j z_ij
    before = coo_matrix((np.ones(n - 1), (np.arange(1, n), np.arange(n - 1))), shape=(n, n))
    chain = hstack([work, before - identity(n)]).tocsr()
    release = hstack([work, -identity(n)]).tocsr()
    ends = np.column_stack([arrived, arrived + budget_s * 1e3])
    bounds = np.vstack([np.tile([0.0, 1.0], (n * legs, 1)), ends])
    solved = linprog(
        np.concatenate([-np.tile(gain, n), np.zeros(n)]),
        A_ub=vstack([chain[1:], release]),
        b_ub=np.concatenate([np.zeros(n - 1), -arrived]),
        bounds=bounds,
        method="highs",
    )
    if solved.status != 0:
        raise RuntimeError(f"the bound's linear program failed: {solved.message}")
    return float(-solved.fun)
