import pytest

from postopt.generation.remote.address import Secret, check_key, parse_address


@pytest.mark.parametrize(
    ("url", "shown", "host", "chat"),
    [
        ("http://h", "http://h", "h", "http://h/chat/completions"),
        ("https://h/v1", "https://h/v1", "h", "https://h/v1/chat/completions"),
        ("https://h/v1/", "https://h/v1", "h", "https://h/v1/chat/completions"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1", "127.0.0.1:8000", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://[::1]:80/v1", "http://[::1]:80/v1", "[::1]:80", "http://[::1]:80/v1/chat/completions"),
        ("https://u:p@h/v1?k=s", "https://h/v1", "h", "https://h/v1/chat/completions?k=s"),
    ],
)  # fmt: skip
def test_an_address_is_taken_apart(url, shown, host, chat):
    address = parse_address(url)
    assert (address.shown, address.host, address.chat) == (shown, host, chat)


def test_its_secrets_are_known_and_not_shown():
    address = parse_address("https://us%20er:p%40ss@h/v1?api-key=s3&v=1")
    assert set(address.secrets) == {
        "us er", "us%20er", "p@ss", "p%40ss", "api-key=s3&v=1", "api-key%3Ds3%26v%3D1", "s3", "1",
        "dXMgZXI6cEBzcw==", "dXMgZXI6cEBzcw%3D%3D",
    }  # fmt: skip
    assert address.authorization == "Basic dXMgZXI6cEBzcw=="
    assert not any(secret in repr(address) for secret in ("p@ss", "p%40ss", "s3", "dXMg"))


@pytest.mark.parametrize(
    "url",
    ["", "h", "h:80", "//h", "ftp://h", "http://", "http:///v1", "http://h:x", "http://h:99999", "http://[h", "http://h#f",
     "http://h/ a", "http://u:\ud800@h", "http://h\n", "http://h\x00", None, 5, b"http://h"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValueError, match="base_url"):
        parse_address(url)


def test_a_secret_is_a_text_that_no_repr_shows():
    secret = Secret("abc")
    assert secret == "abc"
    assert f"{secret}" == "abc"
    assert repr({"key": secret}) == "{'key': '***'}"


@pytest.mark.parametrize("key", ["", None, 5, b"k", "a b", "a\n", "ñ", "\x00"])
def test_what_no_header_takes_is_no_key(key):
    with pytest.raises(ValueError, match="api_key"):
        check_key(key)
