"""Options that many commands share, and how secrets come in: from files, the environment or standard input."""

from __future__ import annotations

import functools
import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from gateway.cli.client import Gateway, pinned, trusting
from gateway.cli.failure import Failure
from gateway.config import ApiConfig, load
from gateway.messages import Secret

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_URL = "http://127.0.0.1:8080"
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to reach a server that listens everywhere

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
wait_option = click.option("--wait", type=click.FloatRange(0, 604_800), metavar="SECONDS", help="Wait for the outcome.")


def config_option(*, required: bool = True) -> Callable[[F], F]:
    """--config FILE, also from SIMWIRE_CONFIG."""
    return click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        envvar="SIMWIRE_CONFIG",
        required=required,
        metavar="FILE",
        help="The gateway's configuration file.",
    )


def gateway_options(command: F) -> F:
    """--url, --config, --ca-file, --key-file and --json; the command is handed a `gateway` made of the first four."""
    return _gateway_options(command, None)


def gateway_options_unless(option: str) -> Callable[[F], F]:
    """As `gateway_options`, for a command that needs no gateway where that option is given: it is handed None then."""
    return lambda command: _gateway_options(command, option)


def _gateway_options(command: F, unless: str | None) -> F:

    @functools.wraps(command)
    def with_gateway(
        url: str | None, config: Path | None, ca_file: Path | None, key_file: str | None, **rest: object
    ) -> object:
        context = click.get_current_context()
        if context.get_parameter_source("config") is ParameterSource.COMMANDLINE and (
            context.get_parameter_source("url") is ParameterSource.ENVIRONMENT
        ):
            url = None  # what is said on the command line is meant; what stands in the environment was meant once
        needless = unless is not None and rest.get(unless) is not None
        return command(gateway=None if needless else _gateway(url, config, ca_file, key_file), **rest)

    options = (
        click.option("--url", envvar="SIMWIRE_URL", metavar="URL", help=f"The gateway's address [{DEFAULT_URL}]."),
        config_option(required=False),
        click.option(
            "--ca-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            envvar="SIMWIRE_CA_FILE",
            metavar="FILE",
            help="The certificates (PEM) to trust in place of the system's, for a gateway with TLS.",
        ),
        click.option(
            "--key-file",
            envvar="SIMWIRE_KEY_FILE",
            metavar="FILE",
            help="A file that holds the API key, - for standard input; else the environment's SIMWIRE_KEY.",
        ),
        json_option,
    )
    wrapped: Any = with_gateway
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]  # click's decorators return what they were given


def actor() -> str:
    """Who runs this command, as the audit log names them: the user of the operating system."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


def read_secret(source: str, what: str) -> Secret:
    """The first line of a file, or of standard input for "-"; raises Failure where it holds nothing."""
    if source == "-":
        text = click.prompt(what, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    else:
        try:
            text = Path(source).read_text(encoding="utf-8").partition("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", "not text")
            raise Failure(f"the {what} cannot be read from {source}: {why}") from None
    secret = Secret(str(text).strip())
    if not secret:
        raise Failure(f"no {what} in {'standard input' if source == '-' else source}")
    return secret


def url_of(api: ApiConfig) -> str:
    """Where a gateway with this configuration is reached from the same machine; raises Failure for port 0."""
    if api.port == 0:
        raise Failure("the configuration says port = 0, any free port: give the address of the ready line with --url")
    host = _ANY_ADDRESS.get(api.host, api.host)
    return f"{api.scheme}://" + (f"[{host}]:{api.port}" if ":" in host else f"{host}:{api.port}")


def gateway_of(api: ApiConfig, key: Secret | None, ca_file: Path | None = None) -> Gateway:
    """The gateway with this configuration, from the same machine; raises Failure."""
    trust = trusting(ca_file) if ca_file else None
    if api.tls_cert and trust is None:
        from gateway.certificates import own_certificate  # only where there is one, as the configuration does

        trust = pinned(own_certificate(api.tls_cert))
    return Gateway(url_of(api), key, trust)


def _gateway(url: str | None, config: Path | None, ca_file: Path | None, key_file: str | None) -> Gateway:
    if url is None and config is not None:
        return gateway_of(load(config).api, _key(key_file), ca_file)
    return Gateway(url or DEFAULT_URL, _key(key_file), trusting(ca_file) if ca_file else None)


def key_at_hand(key_file: str | None) -> Secret | None:
    """The API key of a file or the environment; None where neither is given. Raises Failure for a file without one."""
    if key_file is None and not os.environ.get("SIMWIRE_KEY", "").strip():
        return None
    return _key(key_file)


def _key(key_file: str | None) -> Secret:
    if key_file is not None:
        return read_secret(key_file, "API key")
    key = os.environ.get("SIMWIRE_KEY", "").strip()
    if not key:
        raise Failure(
            "no API key: put one into the environment's SIMWIRE_KEY or name its file with --key-file; "
            "`simwire keys create NAME --config FILE` makes one"
        )
    return Secret(key)
