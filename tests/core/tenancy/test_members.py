"""Members of tenants, dated."""

import pytest

from metering.core.basics.errors import ConfigurationError, StaleRevisionError
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.members import NOBODY, Members, check_member
from metering.core.tenancy.record import Record

MEMBER = "user:00000000-0000-0000-0000-0000000000aa"


def test_a_member_reads_one_tenant_at_a_time_from_an_instant_on() -> None:
    members = Members()
    assert (members.tenant_of(MEMBER, 5), members.is_named(MEMBER)) == (None, False)
    members.add(MEMBER, "acme", 10)
    members.add(MEMBER, "globex", 20)
    members.add(MEMBER, NOBODY, 30)
    assert [members.tenant_of(MEMBER, at) for at in (9, 10, 20, 30)] == [
        None,
        "acme",
        "globex",
        None,
    ]
    assert (members.of("acme", 15), members.of("acme", 25)) == ([MEMBER], [])
    assert members.is_named(MEMBER)


@pytest.mark.parametrize("name", ["", "user:", "acme", MEMBER.upper(), MEMBER + "0", "app:x"])
def test_a_member_has_the_name_that_tokens_give_it(name: str) -> None:
    with pytest.raises(ConfigurationError, match="member"):
        check_member(name)
    check_member(MEMBER)
    check_member(MEMBER.replace("user", "app"))


def test_a_thing_has_the_revision_of_the_last_record_on_it() -> None:
    directory = Directory()
    assert directory.revision("member", MEMBER) == 0
    directory.must_be("member", MEMBER, 0)
    directory.apply(
        [
            Record("member", MEMBER, "acme", 10, 10),
            Record("subject", "sub-1", "acme", 0, 10),
            Record("member", MEMBER, NOBODY, 20, 20),
        ]
    )
    assert directory.revision("member", MEMBER) == 3
    assert directory.revision("subject", "sub-1") == 2
    assert directory.members.tenant_of(MEMBER, 15) == "acme"
    assert directory.pricing_version == 0
    directory.must_be("member", MEMBER, 3)
    directory.must_be("member", MEMBER, None)
    with pytest.raises(StaleRevisionError, match="changed since"):
        directory.must_be("member", MEMBER, 1)
