"""One Autobahn|Python peer on asyncio; ../README.md says what its modes do."""

import asyncio
import base64
import json
import pathlib
import sys
from urllib.parse import urlsplit

from autobahn.asyncio.rawsocket import WampRawSocketClientFactory
from autobahn.asyncio.wamp import ApplicationSession
from autobahn.asyncio.websocket import WampWebSocketClientFactory
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import CallResult, ComponentConfig, PublishOptions
from cbor2 import CBORTag

DEADLINE_SECONDS = 20
SERIALIZERS = {"json": JsonSerializer, "msgpack": MsgPackSerializer, "cbor": CBORSerializer}
PLANNED_ERROR = "interop.error.planned"


def with_bytes(value):
    """Turns the strings that stand for binary data into bytes."""
    if isinstance(value, str) and value.startswith("\0"):
        return base64.b64decode(value[1:])
    if isinstance(value, list):
        return [with_bytes(item) for item in value]
    if isinstance(value, dict):
        return {key: with_bytes(item) for key, item in value.items()}
    return value


PAYLOAD = with_bytes(json.loads((pathlib.Path(__file__).parent.parent / "payload.json").read_text("utf-8")))
ARGS, KWARGS = PAYLOAD["args"], PAYLOAD["kwargs"]


class Session(ApplicationSession):
    """Resolves `joined` with itself; a lost connection ends the wait."""

    def __init__(self):
        super().__init__(ComponentConfig(realm="realm1"))
        self.joined = asyncio.get_running_loop().create_future()
        self.left = asyncio.get_running_loop().create_future()

    def onJoin(self, details):
        self.joined.set_result(self)

    def onLeave(self, details):
        if not self.joined.done():
            self.joined.set_exception(RuntimeError(f"not welcome: {details.reason} {details.message}"))
        self.disconnect()

    def onUserError(self, failure, message):
        """Planned errors of our procedures are no news."""

    def onDisconnect(self):
        if not self.left.done():
            self.left.set_result(None)


def within_deadline(awaitable):
    return asyncio.wait_for(awaitable, DEADLINE_SECONDS)


async def join(url, serializer):
    session = Session()
    address = urlsplit(url)
    serializer = SERIALIZERS[serializer](batched=address.scheme == "ws+batched")
    if address.scheme == "rs":
        factory = WampRawSocketClientFactory(lambda: session, serializer=serializer)
    else:
        url = address._replace(scheme="ws").geturl()
        factory = WampWebSocketClientFactory(lambda: session, url=url, serializers=[serializer])
    connect = asyncio.get_running_loop().create_connection(factory, address.hostname, address.port)
    await within_deadline(connect)
    return await within_deadline(session.joined)


async def leave(session):
    session.leave()
    await within_deadline(session.left)


async def queue_events(session, topic):
    """Subscribes; returns the subscription and the queue of (args, kwargs) that it fills."""
    events = asyncio.Queue()
    subscription = await within_deadline(
        session.subscribe(lambda *args, **kwargs: events.put_nowait((list(args), kwargs)), topic)
    )
    return subscription, events


def publish(session, topic, *args, exclude_me=None, **kwargs):
    """Acknowledged, so that it ends in a publication or an exception."""
    options = PublishOptions(acknowledge=True, exclude_me=exclude_me)
    return within_deadline(session.publish(topic, *args, options=options, **kwargs))


def call(session, procedure, *args, **kwargs):
    return within_deadline(session.call(procedure, *args, **kwargs))


def without_tags(value):
    """The value as its sender meant it.

    wampy.js writes octets in CBOR as a typed array of them (tag 64), which cbor2 does not unwrap. The router
    splices between equal serializers, so the tag arrives as it was sent.
    """
    if isinstance(value, CBORTag) and value.tag == 64:
        return value.value
    if isinstance(value, (list, tuple)):
        return type(value)(without_tags(item) for item in value)
    if isinstance(value, dict):
        return {key: without_tags(item) for key, item in value.items()}
    return value


def expect(found, wanted):
    found = without_tags(found)
    assert found == wanted, f"{found!r} instead of {wanted!r}"


def expect_result(result, args, kwargs):
    """Autobahn gives a lone positional result without its wrapper."""
    if isinstance(result, CallResult):
        expect((list(result.results), result.kwresults or {}), (args, kwargs))
    else:
        expect(([result], {}), (args, kwargs))


async def expect_error(awaitable, uri):
    try:
        await awaitable
    except ApplicationError as error:
        expect(error.error, uri)
        return error
    raise AssertionError(f"no error instead of {uri}")


def echo(*args, **kwargs):
    return CallResult(*args, **kwargs)


def fail(*args, **kwargs):
    raise ApplicationError(PLANNED_ERROR, *args, **kwargs)


# Conformance: PUB-02, PUB-04
async def events(alice, bob, prefix):
    _, received = await queue_events(bob, f"{prefix}.events")
    publication = await publish(alice, f"{prefix}.events", *ARGS, **KWARGS)
    assert publication.id > 0
    expect(await within_deadline(received.get()), (ARGS, KWARGS))


# Conformance: PUB-03, EXC-01
async def publisher_exclusion(alice, bob, prefix):
    _, received = await queue_events(alice, f"{prefix}.own")
    await publish(alice, f"{prefix}.own", "excluded")
    await publish(alice, f"{prefix}.own", "included", exclude_me=False)
    expect(await within_deadline(received.get()), (["included"], {}))


# Conformance: SUB-04
async def unsubscribe(alice, bob, prefix):
    subscription, received = await queue_events(bob, f"{prefix}.paused")
    await within_deadline(subscription.unsubscribe())
    await publish(alice, f"{prefix}.paused", "missed")
    _, received_again = await queue_events(bob, f"{prefix}.paused")
    await publish(alice, f"{prefix}.paused", "seen")
    expect(await within_deadline(received_again.get()), (["seen"], {}))
    assert received.empty(), "an event after UNSUBSCRIBED"


# Conformance: RPC-04
async def calls(alice, bob, prefix):
    await within_deadline(bob.register(echo, f"{prefix}.calls"))
    expect_result(await call(alice, f"{prefix}.calls", *ARGS, **KWARGS), ARGS, KWARGS)
    expect_result(await call(alice, f"{prefix}.calls", "one"), ["one"], {})


# Conformance: RPC-05, ERR-06
async def application_errors(alice, bob, prefix):
    await within_deadline(bob.register(fail, f"{prefix}.fails"))
    error = await expect_error(call(alice, f"{prefix}.fails", *ARGS, **KWARGS), PLANNED_ERROR)
    expect((list(error.args), error.kwargs), (ARGS, KWARGS))


# Conformance: RPC-02, RPC-03
async def unregister(alice, bob, prefix):
    registration = await within_deadline(bob.register(echo, f"{prefix}.gone"))
    expect(await call(alice, f"{prefix}.gone", 1), 1)
    await within_deadline(registration.unregister())
    await expect_error(call(alice, f"{prefix}.gone", 1), "wamp.error.no_such_procedure")


# Conformance: RPC-01
async def second_registration(alice, bob, prefix):
    await within_deadline(bob.register(echo, f"{prefix}.taken"))
    taken = within_deadline(alice.register(echo, f"{prefix}.taken"))
    await expect_error(taken, "wamp.error.procedure_already_exists")


# Conformance: SER-01, SER-06
async def calls_served(session, served):
    expect_result(await call(session, f"{served}.echo", *ARGS, **KWARGS), ARGS, KWARGS)
    error = await expect_error(call(session, f"{served}.fail", *ARGS, **KWARGS), PLANNED_ERROR)
    expect((list(error.args), error.kwargs), (ARGS, KWARGS))


# Conformance: SER-01, SER-06
async def events_to_served(session, served):
    await publish(session, f"{served}.inbox", *ARGS, **KWARGS)
    expect_result(await call(session, f"{served}.received"), ARGS, KWARGS)


# Conformance: SER-01, SER-06
async def events_from_served(session, served):
    subscription, received = await queue_events(session, f"{served}.outbox")
    await call(session, f"{served}.emit")
    expect(await within_deadline(received.get()), (ARGS, KWARGS))
    await within_deadline(subscription.unsubscribe())


ALONE = [events, publisher_exclusion, unsubscribe, calls, application_errors, unregister, second_registration]
WITH_SERVED = [calls_served, events_to_served, events_from_served]


async def report(name, scenario):
    try:
        await scenario
    except Exception as error:
        why = " ".join(f"{type(error).__name__} {error}".split())
        print(f"failed {name}: {why}", flush=True)
    else:
        print(f"ok {name}", flush=True)


async def check(url, serializer, prefix, *all_served):
    alice, bob = await join(url, serializer), await join(url, serializer)
    for scenario in ALONE:
        await report(scenario.__name__, scenario(alice, bob, f"{prefix}.{scenario.__name__}"))
    for served in all_served:
        for scenario in WITH_SERVED:
            await report(f"{scenario.__name__} by {served}", scenario(alice, served))
    await leave(alice)
    await leave(bob)
    print("done", flush=True)


async def serve(url, serializer, prefix):
    session = await join(url, serializer)
    _, inbox = await queue_events(session, f"{prefix}.inbox")

    async def received():
        args, kwargs = await within_deadline(inbox.get())
        return CallResult(*args, **kwargs)

    async def emit():
        await publish(session, f"{prefix}.outbox", *ARGS, **KWARGS)

    for procedure in (echo, fail, received, emit):
        await within_deadline(session.register(procedure, f"{prefix}.{procedure.__name__}"))
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await leave(session)


if __name__ == "__main__":
    mode, *arguments = sys.argv[1:]
    asyncio.run({"serve": serve, "check": check}[mode](*arguments))
