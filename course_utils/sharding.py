"""Many devices: a market whose paths are spread over a mesh, which is all that the pricer needs to run on it.

Where the paths are, the work is: ``jit`` lets each device do what concerns its own paths, and has the devices add up what is a
sum over all of them (moments, normal equations, gradients, the price). So no other module knows of devices.
"""

from dataclasses import dataclass
from functools import partial

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec


def mesh() -> Mesh:
    """All devices, those of other processes too, in a row whose axis is called ``paths``."""
    return jax.make_mesh((jax.device_count(),), ("paths",), axis_types=(AxisType.Auto,))


@partial(jax.tree_util.register_dataclass, data_fields=["market"], meta_fields=["mesh"])
@dataclass(frozen=True)
class Sharded:
    """``market`` with its paths spread over the devices of ``mesh``; its prices, and its random numbers, are the same.

    Take an even number of paths for each device, so that no antithetic pair is split; best a power of two on each of a power of
    two of devices: then each has its share of every batch and sample, and nothing but sums is sent. With other numbers the
    price is as right, but some numbers of single paths are moved about.

    Attributes:
        market: such as ``simulate.BlackScholes``.
        mesh: of one axis; see ``mesh()``.
    """

    market: object
    mesh: Mesh

    def simulate(self, key: jax.Array, times: jax.Array, paths: int) -> jax.Array:
        """What ``market`` simulates, (dates, paths, features), the paths spread."""
        states = self.market.simulate(key, times, paths)
        return jax.lax.with_sharding_constraint(states, NamedSharding(self.mesh, PartitionSpec(None, *self.mesh.axis_names)))

    def prices(self, state: jax.Array) -> jax.Array:
        return self.market.prices(state)

    def discount(self, times: jax.Array) -> jax.Array:
        return self.market.discount(times)

    def check(self) -> None:
        """Refuse what can't be spread, or simulated, by name: ``TypeError`` or ``ValueError``."""
        functions = [getattr(self.market, name, None) for name in ("simulate", "prices", "discount")]
        if isinstance(self.market, type) or not all(map(callable, functions)):
            expected = "one with functions simulate, prices, discount, such as simulate.BlackScholes(...)"
            raise TypeError(f"market is {self.market!r}; expected {expected}")
        if not isinstance(self.mesh, Mesh):
            raise TypeError(f"mesh is {self.mesh!r}; expected a jax.sharding.Mesh, such as sharding.mesh()")
        if len(self.mesh.axis_names) != 1:
            raise ValueError(f"mesh has the axes {self.mesh.axis_names}; expected one, along which to spread paths: sharding.mesh()")
        if hasattr(self.market, "check"):
            self.market.check()

    def __getattr__(self, name: str):
        """``martingales``, where the market has them. ``restart`` is left out: the upper bound simulates anew from every path."""
        if name == "restart":
            raise TypeError("a sharded market has no upper bound; bound the policy on one device: bounds.dual(sharded.market, ...)")
        if name != "martingales":
            raise AttributeError(f"Sharded has no attribute {name!r}; its market is in .market")
        return getattr(self.market, name)
