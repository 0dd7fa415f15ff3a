#!/usr/bin/env bash
# optax 0.2.8: muon takes every leaf of two axes for a matrix. In a stack of 49 networks that is the biases, (49, 64), and not the kernels,
# (49, 64, 64): the kernels get Adam, and the biases are orthogonalized across the networks. So networks that share nothing no longer
# train alone. Seen: five times the gradients of the 48 others move the update of network 0's bias by 40% of its size; with Adam by 0.
# What helps is vmap over init and update, which gives each network an optimizer of its own: 0 again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import jax
import jax.numpy as jnp
import optax

keys = jax.random.split(jax.random.key(0), 4)
shapes = {"kernel": (49, 64, 64), "bias": (49, 64)}
params, gradients = ({name: jax.random.normal(key, shapes[name]) for name, key in zip(shapes, pair)} for pair in (keys[:2], keys[2:]))
louder = jax.tree.map(lambda g: g.at[1:].multiply(5.0), gradients)  # network 0's own gradient stays


def influence(optimizer, leaf, apart=False):
    """How far the others' gradients move network 0's update, as a share of its size."""
    init, update = (jax.vmap(optimizer.init), jax.vmap(optimizer.update)) if apart else (optimizer.init, optimizer.update)
    quiet, loud = (update(g, init(params), params)[0][leaf][0] for g in (gradients, louder))
    return float(jnp.linalg.norm(loud - quiet) / jnp.linalg.norm(quiet))


muon = optax.contrib.muon(0.01)
seen = {"bias": influence(muon, "bias"), "kernel": influence(muon, "kernel"), "bias by Adam": influence(optax.adam(0.01), "bias")}
seen["bias by muon under vmap"] = influence(muon, "bias", apart=True)
for name, share in seen.items():
    print(f"optax {optax.__version__}, {name}: the other networks' gradients move network 0's update by {share:.0%}")
assert seen.pop("bias") > 0.2 and max(seen.values()) < 1e-3, "muon no longer mixes the biases of stacked networks"
PY
