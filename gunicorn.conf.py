"""Settings that gunicorn reads by itself. The application speaks ASGI: without this class every answer is a 500."""

worker_class = "asgi"
graceful_timeout = 30  # seconds that running requests have to end
forwarded_allow_ips = ""  # X-Forwarded-* is read by the application, and only behind a proxy that was stated
accesslog = None  # the application logs each request, without its query
