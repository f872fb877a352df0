import copy
import json
import logging
import pickle

import msgspec
import pytest

from openoutcry.exchanges.ccxt_client import open_client
from openoutcry.exchanges.credentials import Credentials, Secret
from openoutcry.exchanges.venue_settings import VenueSettings

KEY, SECRET = "key-0123456789", "secret-9876543210"


def test_no_rendering_shows_the_text():
    credentials = Credentials(KEY, SECRET)
    shown = [repr(credentials), str(credentials), f"{credentials.secret}", f"{credentials.secret:>20}"]
    shown += [repr(credentials.api_key), str(credentials.secret), repr([credentials])]
    for text in shown:
        assert KEY not in text
        assert SECRET not in text


def test_the_text_is_there_for_who_asks():
    credentials = Credentials(KEY, SECRET)
    assert (credentials.api_key.reveal(), credentials.secret.reveal()) == (KEY, SECRET)
    assert not Secret("")


TRAVELS = {
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "msgspec": msgspec.json.encode,
    "json": json.dumps,
    "vars": vars,
}


@pytest.mark.parametrize("travel", TRAVELS.values(), ids=TRAVELS)
@pytest.mark.parametrize("value", [Secret(SECRET), Credentials(KEY, SECRET)], ids=["secret", "credentials"])
def test_it_cannot_travel(travel, value):
    with pytest.raises(TypeError):
        travel(value)


def test_the_client_does_not_log_requests_even_at_debug(caplog):
    caplog.set_level(logging.DEBUG)
    client = open_client(VenueSettings(), Credentials(KEY, SECRET))
    client.logger.debug("Request: %s", {"X-MBX-APIKEY": KEY})
    assert KEY not in caplog.text
    assert client.verbose is False
