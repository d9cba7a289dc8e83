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
# How the processes are started: deploy/processes.py. This one serves everything.
HEALTHCHECK --interval=10s --timeout=5s --start-period=40s --retries=3 \
    CMD ["python", "-m", "deploy.processes", "web", "--is-alive"]
CMD ["python", "-m", "deploy.processes", "web", "--host", "0.0.0.0"]
