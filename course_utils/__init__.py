"""The code that the notebooks of the course share.

Read it as part of the course: one module, one job, and a module imports only modules that come before it here
(``lsmc.price`` alone calls a later one, when it is asked for an upper bound).

``compilation`` once a machine · ``inputs`` refused by name · ``simulate`` paths · ``markets`` that people have · ``payoffs`` ·
``reference`` prices to test against · ``pytrees`` stack and unstack · ``networks`` a small MLP · ``regressors`` three ways to fit a
continuation value · ``lsmc`` the pricer · ``bounds``, ``greeks`` and ``hedging`` · ``sharding`` over many devices · ``processes`` joined ·
``long_runs`` that outlive a kill · ``batches`` · ``digits`` · ``plotting`` · ``drawings`` · ``checks`` of exercises
"""


def about() -> None:
    """Print the versions and the device on one line: the first thing to read when two machines disagree.

    From then on what takes long to compile is kept on this machine's disk, for the next start of the kernel: see ``compilation``.
    """
    import platform

    import flax
    import jax
    import optax

    from course_utils import compilation

    compilation.keep()
    device = jax.devices()[0]
    print(
        f"Python {platform.python_version()} · jax {jax.__version__} · flax {flax.__version__} · "
        f"optax {optax.__version__} · {jax.device_count()} × {device.platform} ({device.device_kind})"
    )
