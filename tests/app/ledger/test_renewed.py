"""An answer that takes long is kept; who cannot wait for it is told that it is not known."""

import asyncio

from metering.app.ledger.renewed import Renewed


async def test_whoever_cannot_wait_gets_none_until_the_answer_is_there() -> None:
    go_on, now_s = asyncio.Event(), 0.0

    async def read() -> int:
        await go_on.wait()
        return 7

    renewed = Renewed(
        read=read, memory_s=lambda: 60.0, elapsed_s=lambda: now_s, wait_s=0.01, longest_s=100
    )
    assert await renewed.if_known() is None
    go_on.set()
    assert await renewed.if_known() == 7
    go_on.clear()
    now_s = 60
    assert await renewed.if_known() == 7
    now_s = 100
    assert await renewed.if_known() is None
    await renewed.close()
