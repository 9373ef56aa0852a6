"""The command line against a gateway on a real port: its API and store are real, its modems are not there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from click.testing import CliRunner, Result
from werkzeug.exceptions import NotFound
from werkzeug.serving import WSGIRequestHandler, make_server

from gateway.cli.app import simwire
from tests.gateway.world import World


@dataclass
class Shell:
    """Runs `simwire` as a shell would, with what stands in the environment."""

    environment: dict[str, str]

    def run(self, *words: str, stdin: str | None = None, **environment: str) -> Result:
        """Run a command; its standard output, standard error and exit status are kept apart."""
        return CliRunner().invoke(simwire, list(words), input=stdin, env=self.environment | environment)

    def json(self, *words: str, stdin: str | None = None) -> Any:
        """Run a command that must succeed, with --json; what it printed."""
        result = self.run(*words, "--json", stdin=stdin)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


class Port:
    """A listening port; what is asked there goes to whichever gateway is `app` now."""

    def __init__(self) -> None:
        self.app: WSGIApplication = NotFound()
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.app(environ, start_response)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Quiet(WSGIRequestHandler):
    """Logs no requests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@pytest.fixture(scope="session")
def port() -> Iterator[Port]:
    """One port for all tests."""
    made = Port()
    yield made
    made.close()


@pytest.fixture
def shell(world: World, port: Port) -> Shell:
    """A shell whose environment names a running gateway and a key for it."""
    port.app = world.app
    return Shell({"SIMWIRE_URL": port.url, "SIMWIRE_KEY": world.key()})
