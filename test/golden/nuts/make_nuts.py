"""What BlackJAX's NUTS does on two targets at fixed step sizes, unit metric, for our NUTS to be compared with.

Run: python3 make_nuts.py > nuts.json   (blackjax 1.7.1, jax 0.10.2, float64, CPU; about a minute)
Standard errors are over independent chains, so they hold whatever the autocorrelation.
"""

import json

import blackjax
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

DIM, RHO = 10, 0.6
PRECISION = jnp.linalg.inv((1 - RHO) * jnp.eye(DIM) + RHO * jnp.ones((DIM, DIM)))


def gaussian(z):
    return -0.5 * z @ PRECISION @ z


def bent(z):
    """The banana of activities/metflow/targets/banana.ts."""
    x = z[0] / 1.15
    y = 1.15 * (z[1] - 0.5 * (z[0] ** 2 + 1.15**2))
    return -0.5 * (x**2 + (y - 0.9 * x) ** 2 / (1 - 0.81))


def describe(log_density, dim, step_size, chains, draws, max_depth):
    kernel = blackjax.nuts(log_density, step_size, jnp.ones(dim), max_num_doublings=max_depth)

    def one_chain(key):
        first, key = jax.random.split(key)
        state = kernel.init(jax.random.normal(first, (dim,)))

        def step(state, key):
            state, info = kernel.step(key, state)
            seen = (state.position, info.num_integration_steps, info.acceptance_rate)
            return state, seen

        _, seen = jax.lax.scan(step, state, jax.random.split(key, 100 + draws))
        return jax.tree.map(lambda x: x[100:], seen)

    z, steps, acceptance = jax.jit(jax.vmap(one_chain))(jax.random.split(jax.random.key(5), chains))
    per_chain = {
        "steps": np.mean(steps, axis=1),
        "acceptance": np.mean(acceptance, axis=1),
        "first": np.mean(z[:, :, 0], axis=1),
        "firstSquared": np.mean(z[:, :, 0] ** 2, axis=1),
        "last": np.mean(z[:, :, -1], axis=1),
        "jump": np.mean(np.sum(np.diff(z, axis=1) ** 2, axis=2), axis=1),
    }
    moments = {
        name: {"mean": float(np.mean(value)), "error": float(np.std(value, ddof=1) / np.sqrt(chains))}
        for name, value in per_chain.items()
    }
    return {"dim": dim, "stepSize": step_size, "maxDepth": max_depth, "moments": moments}


print(
    json.dumps(
        {
            "gaussian": {"correlation": RHO, **describe(gaussian, DIM, 0.4, 256, 500, 10)},
            "banana": describe(bent, 2, 0.35, 256, 500, 10),
            "shallow": describe(bent, 2, 0.1, 256, 500, 3),
        },
        indent=1,
    )
)
