import pickle

import keyring
import keyring.backend
import keyring.errors
import pytest

from openoutcry.assembly import secrets
from openoutcry.assembly.secrets import load_credentials
from openoutcry.domain.errors import ConfigurationError
from openoutcry.monitoring.redaction import REDACTION

KEY, SECRET = "the-key-of-a-test", "the-secret-of-a-test"


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring in memory, through keyring's own interface for backends."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.held = {}

    def get_password(self, service, username):
        return self.held.get((service, username))

    def set_password(self, service, username, password):
        self.held[service, username] = password

    def delete_password(self, service, username):
        raise keyring.errors.PasswordDeleteError


@pytest.fixture(autouse=True)
def ring(monkeypatch, tmp_path):
    """Neither the developer's environment, nor his files, nor his keyring."""
    for name in ("OPENOUTCRY_BINANCE_API_KEY", "OPENOUTCRY_BINANCE_SECRET", secrets.FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    before, ring = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def secrets_file(tmp_path, monkeypatch):
    path = tmp_path / "secrets.toml"
    monkeypatch.setenv(secrets.FILE_VARIABLE, str(path))

    def write(content, mode=0o600):
        path.write_text(content)
        path.chmod(mode)
        return path

    return write


def shown(credentials):
    return credentials.api_key.reveal(), credentials.secret.reveal()


def test_from_the_environment(monkeypatch):
    monkeypatch.setenv("OPENOUTCRY_BINANCE_API_KEY", KEY)
    monkeypatch.setenv("OPENOUTCRY_BINANCE_SECRET", SECRET)
    assert shown(load_credentials("binance")) == (KEY, SECRET)


def test_from_a_private_file(secrets_file):
    secrets_file(f'[binance]\napi_key = "{KEY}"\nsecret = "{SECRET}"\n')
    assert shown(load_credentials("binance")) == (KEY, SECRET)


def test_from_the_keyring(ring):
    ring.set_password("openoutcry/binance", "api_key", KEY)
    ring.set_password("openoutcry/binance", "secret", SECRET)
    assert shown(load_credentials("binance")) == (KEY, SECRET)


def test_the_environment_comes_before_the_file(monkeypatch, secrets_file):
    secrets_file('[binance]\napi_key = "other-key"\nsecret = "other-secret"\n')
    monkeypatch.setenv("OPENOUTCRY_BINANCE_API_KEY", KEY)
    monkeypatch.setenv("OPENOUTCRY_BINANCE_SECRET", SECRET)
    assert shown(load_credentials("binance")) == (KEY, SECRET)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o700])
def test_a_file_that_others_may_read_is_refused_with_the_remedy(secrets_file, mode):
    path = secrets_file(f'[binance]\napi_key = "{KEY}"\nsecret = "{SECRET}"\n', mode)
    with pytest.raises(ConfigurationError, match=f"chmod 600 {path}"):
        load_credentials("binance")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (f'[binance]\napi_key = "{KEY}"\n', "has no secret"),
        (f'[binance]\nsecret = "{SECRET}"\n', "has no api_key"),
        (f'[binance]\napi_key = "{KEY}"\nsecret = "{SECRET}"\nextra = "x"\n', "unknown key 'extra'"),
        (f'[binance]\napi_key = "{KEY}"\nsecret = 3\n', "section of texts"),
        (f'binance = "{SECRET}"\n', "section of texts"),
        (f'[binance\nsecret = "{SECRET}"', "not valid TOML"),
        (f'[binance]\napi_key = "{KEY}"\nsecret = " {SECRET}"\n', "spaces"),
        (f'[binance]\napi_key = "{KEY}"\nsecret = "{SECRET}\\n"\n', "spaces"),
    ],
)
def test_a_file_that_is_wrong_is_refused_without_quoting_it(secrets_file, content, word):
    secrets_file(content)
    with pytest.raises(ConfigurationError) as caught:
        load_credentials("binance")
    assert word in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_named_file_that_is_absent_is_not_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv(secrets.FILE_VARIABLE, str(tmp_path / "absent.toml"))
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_credentials("binance")


def test_without_a_key_the_error_says_where_to_put_one():
    with pytest.raises(ConfigurationError) as caught:
        load_credentials("binance")
    for word in ("OPENOUTCRY_BINANCE_API_KEY", "OPENOUTCRY_BINANCE_SECRET", "secrets.toml", "keyring"):
        assert word in str(caught.value)


@pytest.mark.parametrize("venue", ["", "../binance", "Binance", "a b", "x\n"])
def test_a_venue_that_is_no_ccxt_id_is_refused(venue):
    with pytest.raises(ConfigurationError, match="ccxt id"):
        load_credentials(venue)


def test_what_was_loaded_is_shown_to_nobody(monkeypatch):
    monkeypatch.setenv("OPENOUTCRY_BINANCE_API_KEY", KEY)
    monkeypatch.setenv("OPENOUTCRY_BINANCE_SECRET", SECRET)
    credentials = load_credentials("binance")
    assert SECRET not in f"{credentials} {credentials!r} {credentials.secret} {vars(type(credentials))}"
    with pytest.raises(TypeError):
        pickle.dumps(credentials)
    assert REDACTION.text(f"the venue said {SECRET} to {KEY}") == "the venue said *** to ***"
