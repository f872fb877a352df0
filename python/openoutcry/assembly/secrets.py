"""Where a venue's API key comes from: the environment, a private file or the system's keyring, in this order.

Secrets are loaded in the process that needs them. They are in no settings, so they travel in no message.
"""

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Final

import platformdirs

from openoutcry.domain.errors import ConfigurationError
from openoutcry.exchanges.credentials import Credentials
from openoutcry.monitoring.redaction import REDACTION

APPLICATION: Final = "openoutcry"
FILE_VARIABLE: Final = "OPENOUTCRY_SECRETS_FILE"
PRIVATE_FILE_MODE: Final = 0o600
MAX_FILE_BYTES: Final = 64 * 1024

_FIELDS: Final = ("api_key", "secret")
_VENUE: Final = re.compile(r"[a-z0-9_]+")


def load_credentials(venue: str) -> Credentials:
    """The key and secret for a venue (its ccxt id), from the first place that has any of the two.

    The places: `OPENOUTCRY_<VENUE>_API_KEY` and `OPENOUTCRY_<VENUE>_SECRET`; the TOML file
    `$OPENOUTCRY_SECRETS_FILE` or `secrets.toml` in the user's configuration folder, mode 0600, with a section
    `[<venue>]` of `api_key` and `secret`; the keyring's service `openoutcry/<venue>`, users likewise.

    From then on this process's logs are kept clear of them.

    Raises:
        ConfigurationError: no place has them, one has only half, or the file is malformed or not private.
    """
    if not _VENUE.fullmatch(venue):
        raise ConfigurationError(f"venue {venue!r} is no ccxt id; give one like 'binance'")
    for found, place in (
        (
            _from_environment(venue),
            f"the environment ({_variable(venue, 'api_key')}, {_variable(venue, 'secret')})",
        ),
        (_from_file(venue), f"the section [{venue}] of {secrets_file()}"),
        (_from_keyring(venue), f"the keyring's service {APPLICATION}/{venue}"),
    ):
        if any(found.values()):
            return _whole(found, place)
    raise ConfigurationError(
        f"there is no API key for {venue}; set {_variable(venue, 'api_key')} and "
        f"{_variable(venue, 'secret')}, or write [{venue}] with api_key and secret into {secrets_file()} "
        "(mode 0600), "
        f"or `keyring set {APPLICATION}/{venue} api_key` and the same for secret"
    )


def secrets_file() -> Path:
    """The private file that may hold keys; it need not exist."""
    named = os.environ.get(FILE_VARIABLE)
    return (
        Path(named) if named else platformdirs.user_config_path(APPLICATION, appauthor=False) / "secrets.toml"
    )


def _variable(venue: str, field: str) -> str:
    return f"OPENOUTCRY_{venue.upper()}_{field.upper()}"


def _whole(found: dict[str, str], place: str) -> Credentials:
    missing = [field for field in _FIELDS if not found.get(field)]
    if missing:
        raise ConfigurationError(f"{place} has no {missing[0]}, but the other half; give both")
    for field in _FIELDS:
        if not found[field].isprintable() or found[field] != found[field].strip():
            raise ConfigurationError(
                f"the {field} in {place} has spaces around it or a control character; copy it again"
            )
    REDACTION.forbid(*found.values())
    return Credentials(found["api_key"], found["secret"])


def _from_environment(venue: str) -> dict[str, str]:
    return {field: os.environ.get(_variable(venue, field), "") for field in _FIELDS}


def _from_file(venue: str) -> dict[str, str]:
    path = secrets_file()
    try:
        with path.open("rb") as file:
            _check_private(path, os.fstat(file.fileno()))
            content = file.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        if FILE_VARIABLE in os.environ:
            raise ConfigurationError(
                f"${FILE_VARIABLE} names {path}, which does not exist; correct or unset it"
            ) from None
        return {}
    except OSError as error:
        raise ConfigurationError(
            f"the secrets file {path} cannot be read ({error.strerror}); check its owner"
        ) from None
    try:
        section = tomllib.loads(content.decode()).get(venue, {})
    except (
        tomllib.TOMLDecodeError,
        UnicodeDecodeError,
    ):  # their text may quote the file: it is not passed on
        raise ConfigurationError(
            f"the secrets file {path} is not valid TOML; write [{venue}] with two texts"
        ) from None
    if not isinstance(section, dict) or not all(isinstance(value, str) for value in section.values()):
        raise ConfigurationError(
            f'[{venue}] in {path} is not a section of texts; write api_key = "…" and secret = "…"'
        )
    unknown = sorted(set(section) - set(_FIELDS))
    if unknown:
        raise ConfigurationError(
            f"[{venue}] in {path} has an unknown key {unknown[0]!r}; known: {', '.join(_FIELDS)}"
        )
    return section


def _check_private(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if mode & ~PRIVATE_FILE_MODE:
        raise ConfigurationError(
            f"the secrets file {path} has mode {mode:04o}, so others may read it; "
            f"run `chmod 600 {path}` and, if others have had access, make a new key"
        )
    if status.st_uid != os.geteuid():
        raise ConfigurationError(
            f"the secrets file {path} belongs to user {status.st_uid}; run `chown {os.geteuid()} {path}`"
        )


def _from_keyring(venue: str) -> dict[str, str]:
    import keyring  # noqa: PLC0415  slow to import, and only the last resort
    import keyring.errors  # noqa: PLC0415

    try:
        return {field: keyring.get_password(f"{APPLICATION}/{venue}", field) or "" for field in _FIELDS}
    except keyring.errors.KeyringError:
        return {}  # a host without a keyring has no key in it
