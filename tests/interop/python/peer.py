"""One Autobahn|Python peer on asyncio; ../README.md says what its modes do."""

import asyncio
import base64
import json
import pathlib
import ssl
import sys
from urllib.parse import urlsplit

from autobahn.asyncio.rawsocket import WampRawSocketClientFactory
from autobahn.asyncio.wamp import ApplicationSession
from autobahn.asyncio.websocket import WampWebSocketClientFactory
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import (
    CallResult,
    ComponentConfig,
    PublishOptions,
    RegisterOptions,
    SubscribeOptions,
)
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

    def __init__(self, realm):
        super().__init__(ComponentConfig(realm=realm))
        self.joined = asyncio.get_running_loop().create_future()
        self.left = asyncio.get_running_loop().create_future()

    def onJoin(self, details):
        self.details = details
        self.joined.set_result(self)

    def onLeave(self, details):
        if not self.joined.done():
            self.joined.set_exception(RuntimeError(f"not welcome: {details.reason} {details.message}"))
        self.disconnect()

    def onUserError(self, failure, message):
        """Planned errors of our procedures are no news."""

    def onDisconnect(self):
        if not self.joined.done():
            self.joined.set_exception(RuntimeError("connection lost before WELCOME"))
        if not self.left.done():
            self.left.set_result(None)


def within_deadline(awaitable):
    return asyncio.wait_for(awaitable, DEADLINE_SECONDS)


async def connect(url, serializer, realm):
    session = Session(realm)
    name, _, batched = serializer.partition(".")
    serializer = SERIALIZERS[name](batched=bool(batched))
    address = urlsplit(url)
    is_unix = address.scheme.endswith("+unix")
    if address.scheme.startswith("ws"):
        # Over a Unix socket, the URL only fills the request line and `Host`.
        url = "ws://localhost/ws" if is_unix else url
        factory = WampWebSocketClientFactory(lambda: session, url=url, serializers=[serializer])
    else:
        factory = WampRawSocketClientFactory(lambda: session, serializer=serializer)
    loop = asyncio.get_running_loop()
    if is_unix:
        await loop.create_unix_connection(factory, address.path)
    else:
        tls = ssl.create_default_context() if address.scheme in ("wss", "rss") else None
        await loop.create_connection(factory, address.hostname, address.port, ssl=tls)
    return await session.joined


def join(url, serializer, realm="realm1"):
    return within_deadline(connect(url, serializer, realm))


async def leave(session):
    session.leave()
    await within_deadline(session.left)


async def queue_events(session, topic):
    """Subscribes; returns the subscription and the queue of (args, kwargs) that it fills."""
    events = asyncio.Queue()
    subscription = await session.subscribe(
        lambda *args, **kwargs: events.put_nowait((list(args), kwargs)), topic
    )
    return subscription, events


async def queue_topics(session, pattern, match):
    """Subscribes to a pattern; returns the queue of the topics that EVENTs name."""
    topics = asyncio.Queue()
    options = SubscribeOptions(match=match, details_arg="details")
    await session.subscribe(lambda *args, details: topics.put_nowait(details.topic), pattern, options=options)
    return topics


def publish(session, topic, *args, options=None, **kwargs):
    """Acknowledged, so that it ends in a publication or an exception."""
    options = PublishOptions(acknowledge=True, **(options or {}))
    return session.publish(topic, *args, options=options, **kwargs)


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
    _, received = await queue_events(bob, prefix)
    publication = await publish(alice, prefix, *ARGS, **KWARGS)
    assert publication.id > 0
    expect(await received.get(), (ARGS, KWARGS))


# Conformance: PUB-03
async def publisher_exclusion(alice, bob, prefix):
    _, received = await queue_events(alice, prefix)
    await publish(alice, prefix, "excluded")
    await publish(bob, prefix, "included")
    expect(await received.get(), (["included"], {}))


# Conformance: EXC-01
async def own_events(alice, bob, prefix):
    _, received = await queue_events(alice, prefix)
    await publish(alice, prefix, "included", options={"exclude_me": False})
    expect(await received.get(), (["included"], {}))


# Conformance: SUB-04
async def unsubscribe(alice, bob, prefix):
    subscription, received = await queue_events(bob, prefix)
    await subscription.unsubscribe()
    await publish(alice, prefix, "missed")
    _, received_again = await queue_events(bob, prefix)
    await publish(alice, prefix, "seen")
    expect(await received_again.get(), (["seen"], {}))
    assert received.empty(), "an event after UNSUBSCRIBED"


# Conformance: PBS-01, PBS-02, PBS-05
async def prefix_subscription(alice, bob, prefix):
    topics = await queue_topics(bob, f"{prefix}.news", "prefix")
    await publish(alice, f"{prefix}.sports", "no match")
    await publish(alice, f"{prefix}.news.today", "match")
    expect(await topics.get(), f"{prefix}.news.today")


# Conformance: PBS-01, PBS-03, PBS-05
async def wildcard_subscription(alice, bob, prefix):
    topics = await queue_topics(bob, f"{prefix}..today", "wildcard")
    await publish(alice, f"{prefix}.news.yesterday", "no match")
    await publish(alice, f"{prefix}.news.today", "match")
    expect(await topics.get(), f"{prefix}.news.today")


# Conformance: BWL-01, BWL-02
async def receiver_lists(alice, bob, prefix):
    _, received = await queue_events(bob, prefix)
    session, authid, authrole = bob.details.session, bob.details.authid, bob.details.authrole
    others = alice.details
    for passing_by in (
        {"exclude": [session]},
        {"exclude_authid": [authid]},
        {"exclude_authrole": [authrole]},
        {"eligible": [others.session]},
        {"eligible_authid": [others.authid]},
        {"eligible_authrole": ["somebody"]},
    ):
        await publish(alice, prefix, *passing_by, options=passing_by)
    meant = {"eligible": [session], "eligible_authid": [authid], "eligible_authrole": [authrole]}
    await publish(alice, prefix, "meant", options=meant | {"exclude": [others.session]})
    expect(await received.get(), (["meant"], {}))


# Conformance: RPC-04
async def calls(alice, bob, prefix):
    await bob.register(echo, prefix)
    expect_result(await alice.call(prefix, *ARGS, **KWARGS), ARGS, KWARGS)
    expect_result(await alice.call(prefix, "one"), ["one"], {})


# Conformance: RPC-05, ERR-06
async def application_errors(alice, bob, prefix):
    await bob.register(fail, prefix)
    error = await expect_error(alice.call(prefix, *ARGS, **KWARGS), PLANNED_ERROR)
    expect((list(error.args), error.kwargs), (ARGS, KWARGS))


# Conformance: RPC-02, RPC-03
async def unregister(alice, bob, prefix):
    registration = await bob.register(echo, prefix)
    expect(await alice.call(prefix, 1), 1)
    await registration.unregister()
    await expect_error(alice.call(prefix, 1), "wamp.error.no_such_procedure")


# Conformance: RPC-01
async def second_registration(alice, bob, prefix):
    await bob.register(echo, prefix)
    await expect_error(alice.register(echo, prefix), "wamp.error.procedure_already_exists")


async def registered_pattern(alice, bob, pattern, match, procedure):
    options = RegisterOptions(match=match, details_arg="details")
    await bob.register(lambda details: details.procedure, pattern, options=options)
    expect(await alice.call(procedure), procedure)


# Conformance: PBR-01, PBR-05
async def prefix_registration(alice, bob, prefix):
    await registered_pattern(alice, bob, prefix, "prefix", f"{prefix}.any.procedure")


# Conformance: PBR-01, PBR-05
async def wildcard_registration(alice, bob, prefix):
    await registered_pattern(alice, bob, f"{prefix}..procedure", "wildcard", f"{prefix}.any.procedure")


# Conformance: SHR-01, SHR-03
async def roundrobin(alice, bob, prefix):
    options = RegisterOptions(invoke="roundrobin")
    await alice.register(lambda: "alice", prefix, options=options)
    await bob.register(lambda: "bob", prefix, options=options)
    expect([await alice.call(prefix) for _ in range(4)], ["alice", "bob", "alice", "bob"])


# Conformance: CON-01
async def concurrency(alice, bob, prefix):
    begun, finish = asyncio.Event(), asyncio.Event()

    async def slow():
        begun.set()
        await finish.wait()
        return "finished"

    await bob.register(slow, prefix, options=RegisterOptions(concurrency=1))
    first = alice.call(prefix)
    await begun.wait()
    await expect_error(alice.call(prefix), "trunkline.error.max_concurrency_reached")
    finish.set()
    expect(await first, "finished")


# Conformance: AUTHZ-02
async def denied_actions(alice, bob, prefix, join_restricted):
    session = await join_restricted()
    for action in (
        lambda: session.call(prefix),
        lambda: session.register(echo, prefix),
        lambda: session.subscribe(echo, prefix),
        lambda: publish(session, prefix),
    ):
        await expect_error(action(), "wamp.error.not_authorized")
    await session.subscribe(echo, "interop.allowed")
    await leave(session)


# Conformance: SER-01, SER-06
async def calls_served(session, served, topic):
    expect_result(await session.call(f"{served}.echo", *ARGS, **KWARGS), ARGS, KWARGS)
    error = await expect_error(session.call(f"{served}.fail", *ARGS, **KWARGS), PLANNED_ERROR)
    expect((list(error.args), error.kwargs), (ARGS, KWARGS))


# Conformance: SER-01, SER-06
async def events_to_served(session, served, topic):
    await session.call(f"{served}.watch", topic)
    await publish(session, topic, *ARGS, **KWARGS)
    expect_result(await session.call(f"{served}.received", topic), ARGS, KWARGS)


# Conformance: SER-01, SER-06
async def events_from_served(session, served, topic):
    _, received = await queue_events(session, topic)
    await session.call(f"{served}.emit", topic)
    expect(await received.get(), (ARGS, KWARGS))


ALONE = [
    events,
    publisher_exclusion,
    own_events,
    unsubscribe,
    prefix_subscription,
    wildcard_subscription,
    receiver_lists,
    calls,
    application_errors,
    unregister,
    second_registration,
    prefix_registration,
    wildcard_registration,
    roundrobin,
    concurrency,
]
WITH_SERVED = [calls_served, events_to_served, events_from_served]


async def report(name, scenario):
    try:
        await within_deadline(scenario)
    except asyncio.TimeoutError:
        print(f"failed {name}: not done within {DEADLINE_SECONDS} s", flush=True)
    except Exception as error:
        why = " ".join(f"{type(error).__name__} {error}".split())
        print(f"failed {name}: {why}", flush=True)
    else:
        print(f"ok {name}", flush=True)


async def check(url, serializer, prefix, *all_served):
    alice, bob = await join(url, serializer), await join(url, serializer)
    for scenario in ALONE:
        await report(scenario.__name__, scenario(alice, bob, f"{prefix}.{scenario.__name__}"))
    denied = denied_actions(alice, bob, f"{prefix}.denied", lambda: join(url, serializer, "restricted"))
    await report(denied_actions.__name__, denied)
    for served in all_served:
        for scenario in WITH_SERVED:
            topic = f"{prefix}.{scenario.__name__}.{served}"
            await report(f"{scenario.__name__} by {served}", scenario(alice, served, topic))
    await leave(alice)
    await leave(bob)
    print("done", flush=True)


async def serve(url, serializer, prefix):
    session = await join(url, serializer)
    inboxes = {}

    async def watch(topic):
        _, inboxes[topic] = await queue_events(session, topic)

    async def received(topic):
        args, kwargs = await within_deadline(inboxes.pop(topic).get())
        return CallResult(*args, **kwargs)

    async def emit(topic):
        await publish(session, topic, *ARGS, **KWARGS)

    for procedure in (echo, fail, watch, received, emit):
        await within_deadline(session.register(procedure, f"{prefix}.{procedure.__name__}"))
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await leave(session)


if __name__ == "__main__":
    mode, *arguments = sys.argv[1:]
    asyncio.run({"serve": serve, "check": check}[mode](*arguments))
