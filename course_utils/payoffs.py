"""What exercising pays: functions of prices ``(…, assets) -> (…)``.

A payoff made here is a pytree whose one leaf is its strike. So the strike can be traced: pricing at another strike
compiles nothing anew, ``vmap`` prices a row of strikes, ``grad`` differentiates by it. Any other function
``(…, assets) -> (…)`` serves the pricer as well; what it closes over is then a constant.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp


@partial(jax.tree_util.register_dataclass, data_fields=["strike"], meta_fields=["intrinsic"])
@dataclass(frozen=True)
class Payoff:
    """``max(intrinsic(prices, strike), 0)``; made by the functions below."""

    strike: jax.Array
    intrinsic: Callable[[jax.Array, jax.Array], jax.Array] = field(repr=False)

    def __call__(self, prices: jax.Array) -> jax.Array:
        return jnp.maximum(self.intrinsic(prices, self.strike), 0.0)


def _only(prices: jax.Array, name: str) -> jax.Array:
    """The price of the one asset there is: (…, 1) -> (…)."""
    if prices.shape[-1] != 1:
        raise ValueError(
            f"payoffs.{name} is written on one asset, but prices have {prices.shape[-1]}; "
            "use max_call, max_put, min_put, basket_put or geometric_put, or a function of your own"
        )
    return prices[..., 0]


def _put(prices, strike):
    return strike - _only(prices, "put")


def _call(prices, strike):
    return _only(prices, "call") - strike


def _basket_put(prices, strike):
    return strike - prices.mean(axis=-1)


def _max_call(prices, strike):
    return prices.max(axis=-1) - strike


def _min_put(prices, strike):
    return strike - prices.min(axis=-1)


def _max_put(prices, strike):
    return strike - prices.max(axis=-1)


def _geometric_put(prices, strike):
    return strike - jnp.exp(jnp.log(prices).mean(axis=-1))


def put(strike) -> Payoff:
    """A put on one asset: ``max(strike - price, 0)``."""
    return Payoff(strike, _put)


def call(strike) -> Payoff:
    """A call on one asset: ``max(price - strike, 0)``."""
    return Payoff(strike, _call)


def basket_put(strike) -> Payoff:
    """A put on the arithmetic mean of the assets."""
    return Payoff(strike, _basket_put)


def max_call(strike) -> Payoff:
    """A call on the highest price of the assets."""
    return Payoff(strike, _max_call)


def min_put(strike) -> Payoff:
    """A put on the lowest price of the assets."""
    return Payoff(strike, _min_put)


def max_put(strike) -> Payoff:
    """A put on the highest price of the assets: all of them must fall below the strike before it pays anything."""
    return Payoff(strike, _max_put)


def geometric_put(strike) -> Payoff:
    """A put on the geometric mean of the assets, which is log-normal where they are: a one-asset put in disguise."""
    return Payoff(strike, _geometric_put)
