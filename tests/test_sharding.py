"""Paths spread over devices: the same price, and between the devices only sums of a few numbers."""

import functools
import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from course_utils import lsmc, payoffs, processes, regressors, sharding, simulate

PATHS = 2**16  # 8192 for each of eight devices; twice as many as least squares see, so that they take a sample
MARKET = simulate.BlackScholes(spot=36.0, volatility=0.2, rate=0.06)
OPTION = lsmc.Bermudan(payoffs.put(40.0), maturity=1.0, dates=10)
PRICED = """
import json, sys
from course_utils import processes
processes.join()
import jax, numpy as np
import test_sharding as here
from course_utils import regressors, sharding
market = sharding.Sharded(here.MARKET, sharding.mesh())
told = here.numbers(market, eval(f"regressors.{sys.argv[1]}"))
told["devices"] = jax.device_count()
if jax.process_count() == 1:
    states = jax.jit(lambda: market.simulate(jax.random.key(0), here.OPTION.times, here.PATHS))()
    told["states"] = np.asarray(states)[:, :: here.PATHS // 64].tolist()
    told["shards"] = sorted(str(shard.index[1]) for shard in states.addressable_shards)
print(json.dumps(told))
"""


def price(market, **options):
    given = dict(key=jax.random.key(0), regressor=regressors.Polynomial(), fit_paths=PATHS, price_paths=PATHS)
    return lsmc.price(market, OPTION, **given | options)


@functools.cache
def numbers(market=MARKET, regressor=regressors.Polynomial()):
    """A price, what the paths of the fit claim, and the policy; here, on one device, or in the program."""
    found = price(market, regressor=regressor)
    leaves = [np.asarray(leaf, float).tolist() for leaf in jax.tree.leaves(found.policy)]
    return dict(price=[found.lower, found.in_sample], policy=leaves)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the program tells on eight devices, launched once for each way to run it, and the compiled programs."""
    folder, known = tmp_path_factory.mktemp("sharded"), {}
    (folder / "priced.py").write_text(PRICED, encoding="utf-8")

    def tell(regressor="Polynomial()", count=1):
        if (regressor, count) not in known:
            dump = folder / f"programs{len(known)}"
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("PYTHONPATH", str(Path(__file__).parent))
                patch.setenv("XLA_FLAGS", f"--xla_dump_to={dump} --xla_dump_hlo_as_text --xla_dump_hlo_module_re=jit_(fit|evaluate)")
                texts = processes.launch(folder / "priced.py", count, 8 // count, arguments=[regressor])
            results = [json.loads(text) for text in texts]
            assert [result["devices"] for result in results] == [8] * count
            known[regressor, count] = results, dump
        return known[regressor, count]

    return tell


def test_eight_devices_give_the_price_of_one(told):
    ((eight,), _), one = told(), numbers()
    np.testing.assert_allclose(eight["price"], one["price"], rtol=5e-5)
    for leaf, expected in zip(eight["policy"], one["policy"], strict=True):
        np.testing.assert_allclose(leaf, expected, atol=5e-3)


def test_draws_are_the_same(told):
    (eight,), _ = told()
    assert len(set(eight["shards"])) == 8
    states = MARKET.simulate(jax.random.key(0), OPTION.times, PATHS)
    np.testing.assert_allclose(eight["states"], states[:, :: PATHS // 64], rtol=1e-6)


@pytest.mark.slow
def test_two_processes_give_the_price_of_one(told):
    both, _ = told(count=2)
    assert both[0] == both[1]  # each has the whole result
    np.testing.assert_allclose(both[0]["price"], numbers()["price"], rtol=5e-5)


@pytest.mark.slow
@pytest.mark.parametrize("regressor, close", [("RandomFeatures()", 2e-4), ("Network(first_steps=100)", 1e-3)])
def test_other_regressors(told, regressor, close):
    """A training magnifies rounding, so a network comes to another policy, as good; 1e-3 is the standard error."""
    ((eight,), dump), one = told(regressor), numbers(MARKET, eval(f"regressors.{regressor}"))
    assert eight["price"][0] == pytest.approx(one["price"][0], rel=close)
    assert communicated(dump, "fit") < 80_000


def communicated(dump, name):
    """Bytes in the collectives of a compiled program, each counted once; only sums may be among them."""
    (file,) = dump.glob(f"*jit_{name}.*after_optimizations.txt")
    kinds = "all-reduce|all-gather|all-to-all|ragged-all-to-all|collective-permute|collective-broadcast|reduce-scatter|send|recv"
    found = re.findall(rf"= (.+?) ({kinds})(?:-start)?\(", file.read_text(encoding="utf-8"))
    assert {kind for _, kind in found} == {"all-reduce"}
    shapes = [shape for result, _ in found for shape in re.findall(r"(f32|s32|u32|pred)\[([\d,]*)\]", result)]
    return sum((1 if dtype == "pred" else 4) * math.prod(map(int, filter(None, lengths.split(",")))) for dtype, lengths in shapes)


def test_only_sums_of_a_few_numbers_are_communicated(told):
    """A (6, 6) matrix a date, counted once, and moments: of each half of the paths (5, 5), for three controls; no path ever leaves its device."""
    _, dump = told()
    assert 6 * 6 * 4 < communicated(dump, "fit") < 1000
    assert 0 < communicated(dump, "evaluate") < 200


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bare:
    """A market with the three functions that it must have, and no others."""

    market: simulate.BlackScholes

    def simulate(self, key, times, paths):
        return self.market.simulate(key, times, paths)

    def prices(self, state):
        return self.market.prices(state)

    def discount(self, times):
        return self.market.discount(times)


def test_martingales_only_where_the_market_has_them():
    states, times = jnp.ones((3, 4, 1)), jnp.arange(3.0)
    shapes = [lsmc.controls(sharding.Sharded(market, sharding.mesh()), states, times).shape for market in (MARKET, Bare(MARKET))]
    assert shapes == [(3, 4, 3), (3, 4, 0)]


TWO_AXES = jax.make_mesh((1, 1), ("paths", "assets"), axis_types=(jax.sharding.AxisType.Auto,) * 2)


@pytest.mark.parametrize(
    "market, mesh, options, error, words",
    [
        (3.0, None, {}, TypeError, "market is 3.0; expected one with functions simulate, prices, discount"),
        (simulate.BlackScholes, None, {}, TypeError, "market is <class .*; expected one with functions"),
        (replace(MARKET, spot=-1.0), None, {}, ValueError, "spot is -1.0; expected positive"),
        (MARKET, 8, {}, TypeError, r"mesh is 8; expected a jax.sharding.Mesh, such as sharding.mesh\(\)"),
        (MARKET, TWO_AXES, {}, ValueError, r"mesh has the axes \('paths', 'assets'\); expected one"),
        (MARKET, None, {"upper": True}, TypeError, "a sharded market has no upper bound; bound the policy on one device"),
    ],
)
def test_bad_input(market, mesh, options, error, words, monkeypatch):
    monkeypatch.setattr(lsmc, "fit", None)
    with pytest.raises(error, match=words):
        price(sharding.Sharded(market, mesh or sharding.mesh()), **options)


def test_no_other_attributes():
    sharded = sharding.Sharded(MARKET, sharding.mesh())
    with pytest.raises(AttributeError, match="'spot'; its market is in .market"):
        sharded.spot
    assert jax.tree.map(jnp.asarray, sharded).market.spot == 36.0
