"""Settings of a connection: what fits together, what is refused with which words, and that secrets stay secret."""

import inspect
import ssl

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from streams.cluster.connection import VARIABLES, Connection
from streams.settings import SettingsError

BROKERS = {"LIVEPOOL_BROKERS": "a:9092,b:9092"}


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "password"
    path.write_text("s3cret-w0rd\n")
    return path


def environment(**more):
    """LIVEPOOL_BROKERS and LIVEPOOL_KAFKA_…"""
    return BROKERS | {f"LIVEPOOL_KAFKA_{name}": str(value) for name, value in more.items()}


def test_nothing_set_is_no_cluster():
    assert Connection.from_environment({}) is None
    assert Connection.from_environment({"LIVEPOOL_BROKERS": " ", "LIVEPOOL_HOME": "x"}) is None


def test_brokers_alone_are_plaintext():
    found = Connection.from_environment(BROKERS)
    assert found == Connection("a:9092,b:9092")
    assert found.kafka_python() == {"bootstrap_servers": ["a:9092", "b:9092"], "security_protocol": "PLAINTEXT"}
    assert found.kafka_python() == found.aiokafka()


@pytest.mark.parametrize("brokers", ["a", "a:", ":9092", "a:9092,", "a:x", "a:9092, b:9092"])
def test_an_address_that_is_none(brokers):
    with pytest.raises(SettingsError, match=r"LIVEPOOL_BROKERS: .* is not host:port"):
        Connection.from_environment({"LIVEPOOL_BROKERS": brokers})


SCRAM = {"SECURITY": "SASL_SSL", "SASL": "SCRAM-SHA-512", "USERNAME": "worker", "PASSWORD_FILE": "/p"}
TOKEN = {"SECURITY": "SASL_SSL", "SASL": "OAUTHBEARER"}
CLIENT = {"OAUTH_TOKEN_URL": "https://id/token", "OAUTH_CLIENT_ID": "c", "OAUTH_CLIENT_SECRET_FILE": "/s"}


@pytest.mark.parametrize(
    ("settings", "names", "next_step"),
    [
        ({"SECURITY": "TLS"}, "SECURITY", "one of PLAINTEXT, SSL"),
        ({"SECURTY": "SSL"}, "SECURTY", "did you mean LIVEPOOL_KAFKA_SECURITY"),
        ({"CA_FILE": "/ca"}, "CA_FILE", "set LIVEPOOL_KAFKA_SECURITY to SSL or SASL_SSL"),
        ({"SASL": "PLAIN"}, "SASL", "set LIVEPOOL_KAFKA_SECURITY to SASL_SSL"),
        ({"SECURITY": "SSL", "USERNAME": "u"}, "USERNAME", "set LIVEPOOL_KAFKA_SECURITY to SASL_SSL"),
        ({"SECURITY": "SSL", "OAUTH_TOKEN_FILE": "/t"}, "OAUTH_TOKEN_FILE", "unset LIVEPOOL_KAFKA_OAUTH_TOKEN_FILE"),
        ({"SECURITY": "SSL", "KEY_FILE": "/k"}, "KEY_FILE", "needs LIVEPOOL_KAFKA_CERT_FILE"),
        ({"SECURITY": "SASL_SSL"}, "SASL", "set it to one of PLAIN, SCRAM-SHA-256"),
        ({"SECURITY": "SASL_SSL", "SASL": "GSSAPI"}, "SASL", "one of PLAIN, SCRAM-SHA-256"),
        (SCRAM | {"PASSWORD_FILE": ""}, "PASSWORD_FILE", "SCRAM-SHA-512 needs it"),
        (SCRAM | {"USERNAME": ""}, "USERNAME", "SCRAM-SHA-512 needs it"),
        (SCRAM | {"OAUTH_SCOPE": "kafka"}, "OAUTH_SCOPE", "takes a password"),
        (TOKEN, "OAUTH_TOKEN_FILE", "LIVEPOOL_KAFKA_OAUTH_CLIENT_SECRET_FILE"),
        (TOKEN | CLIENT | {"USERNAME": "u"}, "USERNAME", "takes a token"),
        (TOKEN | CLIENT | {"OAUTH_TOKEN_FILE": "/t"}, "OAUTH_TOKEN_URL", "unset one"),
        (TOKEN | CLIENT | {"OAUTH_CLIENT_ID": ""}, "OAUTH_CLIENT_ID", "OAUTHBEARER needs it"),
        (TOKEN | CLIENT | {"OAUTH_TOKEN_URL": "http://id/token"}, "OAUTH_TOKEN_URL", "https://"),
        (TOKEN | CLIENT | {"OAUTH_TOKEN_URL": "http://localhost@id/t"}, "OAUTH_TOKEN_URL", "https://"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(settings, names, next_step):
    with pytest.raises(SettingsError) as error:
        Connection.from_environment(environment(**settings))
    assert f"LIVEPOOL_KAFKA_{names}" in str(error.value)
    assert next_step in str(error.value)


def test_settings_without_brokers_do_not_fall_back_to_one_machine():
    with pytest.raises(SettingsError, match="LIVEPOOL_BROKERS is not"):
        Connection.from_environment({"LIVEPOOL_KAFKA_SECURITY": "SSL"})


@pytest.mark.parametrize(
    "settings",
    [
        {"SECURITY": "SSL"},
        SCRAM,
        SCRAM | {"SASL": "PLAIN", "SECURITY": "SASL_PLAINTEXT"},
        TOKEN | CLIENT,
        TOKEN | CLIENT | {"OAUTH_SCOPE": "kafka"},
        TOKEN | {"OAUTH_TOKEN_FILE": "/t"},
        SCRAM | {"CERT_FILE": "/c", "KEY_FILE": "/k", "CA_FILE": "/ca"},
    ],
)
def test_what_fits_together(settings):
    found = Connection.from_environment(environment(**settings))
    for field, name in VARIABLES.items():
        given = settings.get(name.removeprefix("LIVEPOOL_KAFKA_"), "")
        assert field == "brokers" or str(getattr(found, field) or "") == given or field == "security"


def test_every_field_has_a_variable():
    assert tuple(VARIABLES) == Connection._fields


def test_a_password_is_in_the_arguments_and_in_no_text(secret):
    found = Connection.from_environment(environment(**SCRAM | {"PASSWORD_FILE": secret, "SECURITY": "SASL_PLAINTEXT"}))
    arguments = found.kafka_python()
    assert arguments["sasl_plain_password"] == "s3cret-w0rd"
    assert arguments["sasl_plain_username"] == "worker"
    for text in (repr(found), repr(arguments), f"{arguments}", f"{found.aiokafka()}"):
        assert "s3cret" not in text


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_a_password_file_that_is_not_there_or_empty(tmp_path, text):
    path = tmp_path / "password"
    if text is not None:
        path.write_text(text)
    found = Connection("a:9092", "SASL_PLAINTEXT", "PLAIN", "u", path)
    with pytest.raises(SettingsError, match=r"LIVEPOOL_KAFKA_PASSWORD_FILE=.*password"):
        found.kafka_python()


@pytest.mark.parametrize("field", ["ca_file", "cert_file"])
def test_a_certificate_that_is_none(tmp_path, field):
    path = tmp_path / "file.pem"
    path.write_text("no certificate")
    found = Connection("a:9092", "SSL")._replace(**{field: path})
    with pytest.raises(SettingsError, match=VARIABLES[field]):
        found.aiokafka()


def test_tls_checks_the_name_of_the_broker():
    context = Connection("a:9092", "SSL").kafka_python()["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("settings", [SCRAM, TOKEN | {"OAUTH_TOKEN_FILE": "/t"}, TOKEN | CLIENT])
def test_the_libraries_know_every_argument(settings, secret):
    settings = settings | {name: secret for name in ("PASSWORD_FILE", "OAUTH_CLIENT_SECRET_FILE") if name in settings}
    found = Connection.from_environment(environment(**settings))
    for client in (KafkaAdminClient, KafkaConsumer, KafkaProducer):
        assert set(found.kafka_python()) <= set(client.DEFAULT_CONFIG)
    for client in (AIOKafkaConsumer, AIOKafkaProducer, AIOKafkaAdminClient):
        assert set(found.aiokafka()) <= set(inspect.signature(client).parameters)
