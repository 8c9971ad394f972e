from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ccledger import app
from ccledger.app import Surroundings
from ccledger.core.errors import LedgerBusy, StoreError
from ccledger.core.measures import Dimension, Grain
from ccledger.core.prices import FOREVER, Override, Period
from ccledger.settings import Settings, read_settings
from ccledger.sources.transcripts.scan import Progress
from tests.corpora.made import write_corpus


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    write_corpus(tmp_path / "claude", seed=1, sessions=3, traps=["awkward_zones", "dst_days"])
    environment = {"CLAUDE_CONFIG_DIR": str(tmp_path / "claude"), "CCLEDGER_DATA_DIR": str(tmp_path / "data")}
    return Surroundings(environment, tmp_path)


def settings_of(surroundings: Surroundings, **environment: str) -> Settings:
    return read_settings({**surroundings.environment, **environment}, surroundings.home)


def days(settings: Settings) -> dict[int, int]:
    """Output tokens by day, as the ledger keeps them."""
    with app.reading(settings) as store:
        sums: dict[int, int] = {}
        for row in store.spans(Grain.DAY, Dimension.ALL, 0, 100_000):
            sums[row.start] = sums.get(row.start, 0) + row.measures[8]
        return sums


def import_all(settings: Settings, surroundings: Surroundings) -> Progress | None:
    with app.writing(settings, surroundings) as store:
        return app.import_new(store, settings, surroundings, lambda _: None)


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":Asia/Tokyo", "Asia/Tokyo"),
        ("posix/Asia/Tokyo", "Asia/Tokyo"),
        ("right/Asia/Tokyo", "Asia/Tokyo"),
        ("Etc/UTC", "UTC"),
    ],
)
def test_the_zone_of_the_machine_is_what_tz_says(zone: str, name: str) -> None:
    assert app.system_zone(Surroundings({"TZ": zone}, Path("/"))) == name


@pytest.mark.parametrize("zone", ["", "CET-1CEST,M3.5.0,M10.5.0/3", "../../etc/passwd", "/etc/localtime", "\0"])
def test_a_tz_that_names_no_zone_leaves_the_machines_own(zone: str) -> None:
    assert app.system_zone(Surroundings({"TZ": zone}, Path("/"))) == app.system_zone(Surroundings({}, Path("/")))


def test_a_zone_that_was_set_comes_before_the_machines(surroundings: Surroundings) -> None:
    told = Surroundings({**surroundings.environment, "TZ": "Asia/Tokyo"}, surroundings.home)
    assert app.zone_name(settings_of(told), told) == "Asia/Tokyo"
    assert app.zone_name(settings_of(told, CCLEDGER_TIMEZONE="Europe/Berlin"), told) == "Europe/Berlin"


def test_importing_twice_finds_nothing_the_second_time(surroundings: Surroundings) -> None:
    settings = settings_of(surroundings)
    first = import_all(settings, surroundings)
    assert first is not None
    assert first.files_done == len(list(Path(surroundings.environment["CLAUDE_CONFIG_DIR"]).rglob("*.jsonl")))
    assert import_all(settings, surroundings) is None


def test_what_is_unread_is_what_an_import_would_read(surroundings: Surroundings) -> None:
    settings = settings_of(surroundings)
    with app.writing(settings, surroundings) as store:
        assert len(app.unread(store.positions(), settings, surroundings)) > 1
        app.import_new(store, settings, surroundings, lambda _: None)
        assert app.unread(store.positions(), settings, surroundings) == []


def test_an_import_that_is_stopped_keeps_what_it_has_read_and_goes_on_later(surroundings: Surroundings) -> None:
    settings = settings_of(surroundings)
    begun: list[Progress] = []
    with app.writing(settings, surroundings) as store:
        app.import_new(store, settings, surroundings, begun.append, lambda: bool(begun))
        assert 0 < len(store.positions()) < begun[-1].files_total
        part = store.summary().calls
        app.import_new(store, settings, surroundings, lambda _: None)
        assert store.summary().calls > part


def test_an_import_that_is_stopped_lets_nothing_go(surroundings: Surroundings, tmp_path: Path) -> None:
    settings = settings_of(surroundings, CCLEDGER_RETENTION_DAYS="1")
    begun: list[Progress] = []
    with app.writing(settings, surroundings) as store:
        app.import_new(store, settings, surroundings, begun.append, lambda: bool(begun))
        assert store.horizon() == 0
    import_all(settings, surroundings)
    everything = settings_of(surroundings, CCLEDGER_DATA_DIR=str(tmp_path / "everything"))
    import_all(everything, surroundings)
    assert days(settings) == days(everything)


def test_a_ledger_that_is_set_to_another_zone_is_what_it_would_be_if_made_there(
    surroundings: Surroundings, tmp_path: Path
) -> None:
    made_there: Mapping[str, str] = {"CCLEDGER_TIMEZONE": "Pacific/Apia", "CCLEDGER_DATA_DIR": str(tmp_path / "there")}
    import_all(settings_of(surroundings, **made_there), surroundings)
    for zone in ("UTC", "America/St_Johns", "Pacific/Apia"):
        settings = settings_of(surroundings, CCLEDGER_TIMEZONE=zone)
        import_all(settings, surroundings)
        with app.reading(settings) as store:
            assert store.zone() == zone
    assert days(settings_of(surroundings)) == days(settings_of(surroundings, **made_there))


def test_a_ledger_keeps_its_zone_when_none_is_set(surroundings: Surroundings) -> None:
    import_all(settings_of(surroundings, CCLEDGER_TIMEZONE="Asia/Tokyo"), surroundings)
    import_all(settings_of(surroundings), surroundings)
    with app.reading(settings_of(surroundings)) as store:
        assert store.zone() == "Asia/Tokyo"


def test_only_one_can_write(surroundings: Surroundings) -> None:
    settings = settings_of(surroundings)
    with app.writing(settings, surroundings), pytest.raises(LedgerBusy), app.writing(settings, surroundings):
        pass
    with app.writing(settings, surroundings):
        pass


def test_there_is_nothing_to_read_before_the_first_import(surroundings: Surroundings) -> None:
    with pytest.raises(StoreError, match="run 'ccledger import' first"), app.reading(settings_of(surroundings)):
        pass


def test_nobody_else_may_look_into_the_data_directory(surroundings: Surroundings) -> None:
    settings = settings_of(surroundings)
    import_all(settings, surroundings)
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in settings.data_dir.iterdir())


def test_a_setting_for_billing_comes_before_what_is_found(surroundings: Surroundings) -> None:
    (root,) = app.claude_roots(settings_of(surroundings), surroundings)
    assert app.billing_of(settings_of(surroundings), surroundings, root.path) == "unknown"
    assert app.billing_of(settings_of(surroundings, CCLEDGER_BILLING="api"), surroundings, root.path) == "api"


def test_the_price_book_ships_with_the_program() -> None:
    assert app.price_book()


def test_the_clock_tells_milliseconds_of_this_century() -> None:
    assert 1_700_000_000_000 < app.clock() < 4_100_000_000_000


def test_old_calls_go_after_they_are_booked_and_no_sum_with_them(surroundings: Surroundings) -> None:
    everything = settings_of(surroundings, CCLEDGER_TIMEZONE="UTC")
    import_all(everything, surroundings)
    with app.reading(everything) as store:
        sums, sessions, summary = days(everything), sorted(store.sessions(0, 100_000)), store.summary()
    other = settings_of(
        surroundings,
        CCLEDGER_TIMEZONE="UTC",
        CCLEDGER_DATA_DIR=str(everything.data_dir.parent / "other"),
        CCLEDGER_RETENTION_DAYS="1",
    )
    for _ in range(2):
        import_all(other, surroundings)
        with app.reading(other) as store:
            assert days(other) == sums
            assert sorted(store.sessions(0, 100_000)) == sessions
            assert store.summary() == summary
            assert store.calls(0, store.horizon()) == []
            assert store.horizon() > 0


def test_removed_calls_are_not_booked_again_when_their_transcripts_are_read_anew(surroundings: Surroundings) -> None:
    settings = settings_of(surroundings, CCLEDGER_TIMEZONE="UTC", CCLEDGER_RETENTION_DAYS="1")
    import_all(settings, surroundings)
    sums = days(settings)
    with app.writing(settings, surroundings) as store:
        store.append([], dict.fromkeys(store.positions()), now=1)
    assert import_all(settings, surroundings) is not None
    assert days(settings) == sums


def test_another_time_zone_keeps_the_sums_of_removed_calls(surroundings: Surroundings) -> None:
    expected = settings_of(surroundings, CCLEDGER_TIMEZONE="Asia/Kathmandu")
    import_all(expected, surroundings)
    other = {"CCLEDGER_DATA_DIR": str(expected.data_dir.parent / "other"), "CCLEDGER_RETENTION_DAYS": "1"}
    import_all(settings_of(surroundings, CCLEDGER_TIMEZONE="UTC", **other), surroundings)
    moved = settings_of(surroundings, CCLEDGER_TIMEZONE="Asia/Kathmandu", **other)
    import_all(moved, surroundings)
    assert days(moved) == days(expected)


def test_what_is_set_is_laid_over_the_shipped_prices(surroundings: Surroundings) -> None:
    settings = settings_of(surroundings)
    with app.writing(settings, surroundings) as store:
        card = app.price_book().models[0].periods[0].card
        store.override(Override("claude-nova-9", Period(0, FOREVER, card, "a mail"), 1, "me"))
        assert app.prices_of(store).book().find("claude-nova-9") is not None
    assert app.price_book().find("claude-nova-9") is None
