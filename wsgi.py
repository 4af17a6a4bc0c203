"""The application for gunicorn: `gunicorn --bind 0.0.0.0:$PORT wsgi:app`, with the ASGI workers of gunicorn.conf.py."""

from desk.service.app import create_app
from desk.service.guards.observed import log_lines
from desk.service.serving import check_start

log_lines()
app = create_app()
check_start(app.state.service)
