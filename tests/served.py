"""A service on a port of its own, in a thread, as a browser meets it."""

import threading
from pathlib import Path
from socket import socket

import uvicorn
from people import PASSWORD

from desk.service.app import create_app
from desk.service.caller import Service
from desk.service.serving import listening
from desk.service.settings import ServiceSettings
from desk.service.users import accounts


class Served:
    """A service that answers over HTTP. address : where; service : its parts."""

    def __init__(self, folder: Path) -> None:
        self.listener: socket = listening(ServiceSettings(port=0, folder=folder))
        port = self.listener.getsockname()[1]
        self.address = f"http://localhost:{port}"  # browsers refuse passkeys of 127.0.0.1
        settings = ServiceSettings(port=port, folder=folder, public_url=self.address, rate=100_000)
        app = create_app(settings)
        self.service: Service = app.state.service
        self.server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """End."""
        self.server.should_exit = True
        self.thread.join(10)

    def user(self, role: str = "manager", name: str = "", tenant: str = "house") -> str:
        """The e-mail address of a new registered user, whose password is `PASSWORD`."""
        name = name or role
        with self.service.sessions.begin() as session:
            user, _ = accounts.invite(session, tenant, f"{name}@desk.example", role, name)
            accounts.set_password(session, user, PASSWORD)
            return user.email
