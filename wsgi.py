"""The application for gunicorn: `gunicorn --bind 0.0.0.0:$PORT wsgi:app`, with the ASGI workers of gunicorn.conf.py."""

from desk.service.app import create_app

app = create_app()
