import pytest

from drift_exporter.config.mask import mask, mask_text


@pytest.mark.parametrize(
    "key",
    [
        *("password", "Password", "sasl_password", "token", "bearer-token", "authorization", "Authorization"),
        *("secret", "client_secret", "api_key", "apikey", "credentials", "private_key", "passphrase"),
    ],
)
def test_secrets_by_the_name_of_their_key(key: str) -> None:
    assert mask({"kafka": [{key: "hunter2"}]}) == {"kafka": [{key: "<secret>"}]}
    assert mask({key: {"inner": "hunter2"}}) == {key: "<secret>"}


@pytest.mark.parametrize("key", ["name", "token_count", "secretary", "path", "keys", "monkey"])
def test_other_keys_stay(key: str) -> None:
    assert mask({key: "value", "n": 3, "f": 0.5, "b": True}) == {key: "value", "n": 3, "f": 0.5, "b": True}


def test_names_of_fields_and_columns_are_no_secrets() -> None:
    data = {"fields": {"features": {"token": "in.token"}}, "columns": {"password": {"tolerance": 0.1}}}
    assert mask(data) == data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://ada:lovelace@host:9090/x?y=1", "https://<secret>@host:9090/x?y=1"),
        ("http://token@host", "http://<secret>@host"),
        ("postgresql://ada:p@ss@host/db", "postgresql://<secret>@host/db"),
        ("a http://a:b@h and http://c:d@i", "a http://<secret>@h and http://<secret>@i"),
        ("http://host/a@b", "http://host/a@b"),
        ("ada@host", "ada@host"),
    ],
)
def test_credentials_in_urls(text: str, expected: str) -> None:
    assert mask_text(text) == expected
    assert mask({"url": text}) == {"url": expected}
