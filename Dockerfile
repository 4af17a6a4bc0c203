# The service, from the lock. One image serves `web` (the default), `worker` and `migrate`: see docker-compose.yml.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements*.lock ./
# What the locks name stands complete with its hashes; --no-deps keeps out what would be resolved anew.
RUN python -m venv .venv && .venv/bin/pip install --no-deps --require-hashes -r requirements.lock \
    -r requirements-learn.lock -r requirements-service.lock -r requirements-peers.lock -r requirements-cluster.lock \
    -r requirements-torch.lock -r requirements-cuda.lock
COPY . ./
# Kernels are compiled into data/cache, where any process of the image finds them.
RUN .venv/bin/uv pip install --no-deps --build-constraints requirements-build.lock --editable . \
    && NUMBA_CACHE_DIR=/app/data/cache .venv/bin/python -m desk.cli.maintain compile

FROM python:3.11-slim-bookworm
# No versions: the security updates of Debian 12 are wanted.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 rebalance \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/rebalance rebalance \
    && install -d -o rebalance -g rebalance -m 0700 /var/lib/rebalance /var/cache/rebalance
COPY --from=build --chown=10001:10001 /app /app
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    XDG_CACHE_HOME=/var/cache/rebalance \
    REBALANCE_HOME=/var/lib/rebalance \
    REBALANCE_DATA=/var/lib/rebalance/prices \
    HOST=0.0.0.0 \
    PORT=8000
USER 10001:10001
VOLUME /var/lib/rebalance /var/cache/rebalance
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/api/health', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["sh", "-c", "exec gunicorn --workers 2 --threads 4 --timeout 120 --bind \"0.0.0.0:$PORT\" wsgi:app"]
