"""What a database URL means."""

import pytest

from ccledger.core.errors import StoreError
from ccledger.ledger.postgresql.opening import address_of


def test_a_url_is_shown_without_its_password() -> None:
    address = address_of("postgresql://me:s%40cret@db.example:5433/ledger?sslmode=require")
    assert address.dsn == "postgresql://me:s%40cret@db.example:5433/ledger?sslmode=require"
    assert address.shown == "postgresql://me@db.example:5433/ledger"
    assert not address.pooled


def test_a_password_among_the_parameters_is_not_shown_either() -> None:
    assert "hidden" not in address_of("postgresql://db/ledger?user=me&password=hidden").shown


def test_a_socket_is_named_by_its_directory() -> None:
    assert address_of("postgresql://me@/ledger?host=/run/postgresql").shown == "postgresql://me@/run/postgresql/ledger"


def test_shared_connections_are_told_by_a_parameter_that_no_server_sees() -> None:
    address = address_of("postgresql://me@db/ledger?statement_cache_size=0&sslmode=require")
    assert address.pooled
    assert address.dsn == "postgresql://me@db/ledger?sslmode=require"


def test_a_port_that_is_no_number_is_explained() -> None:
    with pytest.raises(StoreError, match="5432"):
        address_of("postgresql://db:port/ledger")
