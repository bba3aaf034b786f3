"""The two gradients of metflow.bench.ts in JAX, compiled, and NUTS on a correlated Gaussian in BlackJAX.

Called by metflow.bench.ts: peer-gradients.py path|vae|nuts ROUNDS THREADS; prints JSON. Exits with 3 where a package is
missing. Needs jax, for `nuts` also blackjax and arviz-like effective sizes, which are computed by the caller.
"""

import json
import os
import sys
import time

what, rounds, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.environ["XLA_FLAGS"] = (
    f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'} intra_op_parallelism_threads={threads}"
)
os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:threads]))
try:
    import jax
    import jax.numpy as jnp
    import numpy as np
except ImportError as error:
    print(error)
    sys.exit(3)


def timed(fn, *args):
    """Seconds of each call after the compiling ones."""
    for _ in range(5):
        jax.block_until_ready(fn(*args))
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        jax.block_until_ready(fn(*args))
        seconds.append(time.perf_counter() - started)
    return seconds


STEPS, BATCH, DIM, HIDDEN, LAYERS = 7, 400, 2, 32, 2
ANGLES = np.arange(8) * np.pi / 4
CENTRES = 10 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def log_ring(z):
    squared = jnp.sum((z[:, None, :] - CENTRES[None].astype(z.dtype)) ** 2, axis=2)
    return jax.nn.logsumexp(-squared / 2, axis=1) - jnp.log(8 * 2 * jnp.pi)


def net(p, x):
    h = jax.nn.leaky_relu(x @ p["w1"] + p["b1"], 0.01)
    h = jax.nn.leaky_relu(h @ p["w2"] + p["b2"], 0.01)
    return jnp.split(h @ p["w3"] + p["b3"], 2, axis=1)


def coupling(p, z, parity, sign):
    kept = ((jnp.arange(DIM) + parity) % 2 == 0).astype(z.dtype)
    s, t = net(p, z * kept)
    s, t = jnp.tanh(s) * (1 - kept), t * (1 - kept)
    moved = z * jnp.exp(s) + t if sign > 0 else (z - t) * jnp.exp(-s)
    return moved, sign * jnp.sum(s, axis=1)


def flow(p, z, sign):
    total = 0.0
    for layer in range(LAYERS) if sign > 0 else reversed(range(LAYERS)):
        z, log_det = coupling(p[layer], z, layer % 2, sign)
        total = total + log_det
    return z, total


def bound_loss(params, eps, forward, uniform):
    """Telescoped credits, leave-one-out baselines, the last decision summed out; Barker, uniform reverse."""
    stop = jax.lax.stop_gradient
    z, log_z = eps, log_ring(eps)
    log_start = -jnp.sum(eps**2, axis=1) / 2 - DIM / 2 * jnp.log(2 * jnp.pi)
    gains, scores, log_dets = [], [], []
    for k in range(STEPS):
        there, there_det = flow(params[k], z, 1)
        back, back_det = flow(params[k], z, -1)
        moved = jnp.where(forward[k][:, None], there, back)
        log_det = jnp.where(forward[k], there_det, back_det)
        log_moved = log_ring(moved)
        ratio = log_moved + log_det - log_z
        accept, reject = -jax.nn.softplus(-ratio), -jax.nn.softplus(ratio)
        if k == STEPS - 1:
            last = jnp.exp(accept) * (ratio - accept) + jnp.exp(reject) * -reject - STEPS * jnp.log(2.0)
            break
        accepted = jnp.log(uniform[k]) < stop(accept)
        new_z, new_log = jnp.where(accepted[:, None], moved, z), jnp.where(accepted, log_moved, log_z)
        own_det, score = jnp.where(accepted, log_det, 0.0), jnp.where(accepted, accept, reject)
        gains.append(new_log - log_z + own_det - score)
        scores.append(score)
        log_dets.append(own_det)
        z, log_z = new_z, new_log
    value = log_z - log_start + sum(log_dets) + last
    credit = last
    for k in reversed(range(STEPS - 1)):
        credit = credit + gains[k]
        baseline = (jnp.sum(credit) - credit) / (BATCH - 1)
        value = value + stop(credit - baseline) * scores[k]
    return -jnp.mean(value)


def adam(gradient, theta, first, second):
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(gradient)))
    clipped = jax.tree.map(lambda g: g * jnp.minimum(10 / norm, 1), gradient)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, clipped)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, clipped)
    theta = jax.tree.map(lambda t, m, v: t - 1e-3 * m / (jnp.sqrt(v) + 1e-8), theta, first, second)
    return theta, first, second


def path():
    random = np.random.default_rng(1)
    sizes = {"w1": (DIM, HIDDEN), "b1": (HIDDEN,), "w2": (HIDDEN, HIDDEN), "b2": (HIDDEN,)}
    sizes |= {"w3": (HIDDEN, 2 * DIM), "b3": (2 * DIM,)}
    make = lambda size: (0.1 * random.normal(size=size)).astype(np.float32)
    params = [[{n: make(s) for n, s in sizes.items()} for _ in range(LAYERS)] for _ in range(STEPS)]
    zeros = jax.tree.map(jnp.zeros_like, params)

    @jax.jit
    def step(theta, first, second, eps, forward, uniform):
        value, gradient = jax.value_and_grad(bound_loss)(theta, eps, forward, uniform)
        return value, adam(gradient, theta, first, second)

    eps = random.normal(size=(BATCH, DIM)).astype(np.float32)
    uniform = random.uniform(size=(STEPS, BATCH)).astype(np.float32)
    forward = random.uniform(size=(STEPS, BATCH)) < 0.5
    return {"seconds": timed(step, params, zeros, zeros, eps, forward, uniform)}


def vae():
    random = np.random.default_rng(2)
    sizes = [784, 400, 400, 128, 64, 400, 400, 784]
    pairs = [(784, 400), (400, 400), (400, 128), (64, 400), (400, 400), (400, 784)]
    params = [((random.normal(size=p) / np.sqrt(p[0])).astype(np.float32), np.zeros(p[1], np.float32)) for p in pairs]

    def loss(params, x, eps):
        dense = lambda i, h: h @ params[i][0] + params[i][1]
        h = jax.nn.relu(dense(1, jax.nn.relu(dense(0, x))))
        mean, log_scale = jnp.split(dense(2, h), 2, axis=1)
        z = mean + jnp.exp(log_scale) * eps
        logits = dense(5, jax.nn.relu(dense(4, jax.nn.relu(dense(3, z)))))
        rebuilt = jnp.sum(x * logits - jax.nn.softplus(logits), axis=1)
        divergence = jnp.sum(0.5 * (mean**2 + jnp.exp(2 * log_scale)) - log_scale - 0.5, axis=1)
        return -jnp.mean(rebuilt - divergence)

    x = (random.uniform(size=(128, 784)) < 0.2).astype(np.float32)
    eps = random.normal(size=(128, 64)).astype(np.float32)
    return {"seconds": timed(jax.jit(jax.value_and_grad(loss)), params, x, eps)}


def nuts():
    try:
        import blackjax
    except ImportError as error:
        print(error)
        sys.exit(3)
    jax.config.update("jax_enable_x64", True)
    dim, rho, chains, warmup, draws = 50, 0.5, 32, 500, 1000
    precision = jnp.linalg.inv((1 - rho) * jnp.eye(dim) + rho * jnp.ones((dim, dim)))
    log_density = lambda z: -0.5 * z @ precision @ z

    def run(over, key):
        def one(key):
            first, second, third = jax.random.split(key, 3)
            adapt = blackjax.window_adaptation(blackjax.nuts, log_density)
            (state, parameters), _ = adapt.run(first, jax.random.normal(second, (dim,)), num_steps=warmup)
            kernel = blackjax.nuts(log_density, **parameters)

            def step(state, key):
                state, _ = kernel.step(key, state)
                return state, state.position

            return jax.lax.scan(step, state, jax.random.split(third, draws))[1]

        return over(one, jax.random.split(key, chains))

    # Chains one after the other, or side by side: the faster way counts.
    best = None
    for over in (jax.lax.map, lambda f, keys: jax.vmap(f)(keys)):
        compiled = jax.jit(lambda key, over=over: run(over, key))
        jax.block_until_ready(compiled(jax.random.key(0)))
        started = time.perf_counter()
        z = jax.block_until_ready(compiled(jax.random.key(1)))
        seconds = time.perf_counter() - started
        if best is None or seconds < best["seconds"][0]:
            best = {"seconds": [seconds], "z": np.asarray(z).tolist()}
    return best


print(json.dumps({"path": path, "vae": vae, "nuts": nuts}[what]()))
