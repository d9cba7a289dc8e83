ARG PYTHON=python:3.12-slim-bookworm

# ── the build: what it needs and leaves behind stays here ──
FROM ${PYTHON} AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements/base.txt /tmp/base.txt
RUN /venv/bin/pip install --require-hashes -r /tmp/base.txt

WORKDIR /app
COPY . .
# Values of this one command, not of the image: the settings do not load without them.
RUN SECRET_KEY=only-to-collect-static-files \
    FIELD_ENCRYPTION_KEYS=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    PUBLIC_URL=https://build.invalid STATIC_COLLECTED=1 \
    /venv/bin/python manage.py collectstatic --noinput --verbosity 0

# ── the image ──
FROM ${PYTHON}

RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin platform
COPY --from=build /venv /venv
COPY --from=build /app /app
RUN install -d -o platform /app/var

WORKDIR /app
USER platform
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATIC_COLLECTED=1

EXPOSE 8000
STOPSIGNAL SIGTERM
# Alive, that is: able to answer. It says nothing of the database; see /readyz for that.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen as get; get('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", \
     "--workers", "2", "--blocking-threads", "64", "--respawn-failed-workers", \
     "config.wsgi:application"]
