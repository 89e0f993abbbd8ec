"""How gunicorn serves the portal: `gunicorn -c python:portal.gunicorn portal.wsgi`."""

import os

bind = os.environ.get("BIND", "127.0.0.1:8000")
worker_class = "gthread"
workers = int(os.environ.get("WEB_PROCESSES", "1"))
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 60
graceful_timeout = 20
keepalive = 5
max_requests = 10_000
max_requests_jitter = 1_000
# Its own access log would hold the search words of a request; django_structlog logs without them.
accesslog = None
errorlog = "-"
# Only this process pools connections, one for each thread; settings read it when the app is loaded.
os.environ.setdefault("DATABASE_POOL", str(threads))
os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "30")
