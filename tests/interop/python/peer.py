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
from autobahn.wamp.auth import create_authenticator
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import (
    CallOptions,
    CallResult,
    ComponentConfig,
    EncodedPayload,
    PublishOptions,
    RegisterOptions,
    SubscribeOptions,
)
from cbor2 import CBORTag, dumps, loads

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

    def __init__(self, url, serializer, realm, authenticator=None):
        super().__init__(ComponentConfig(realm=realm))
        self.authenticator = authenticator
        self.url, self.serializer = url, serializer
        self.joined = asyncio.get_running_loop().create_future()
        self.left = asyncio.get_running_loop().create_future()
        self.goodbye = None

    def onConnect(self):
        authenticator = self.authenticator
        if authenticator is None:
            return super().onConnect()
        authid = authenticator._args["authid"]
        self.join(self.config.realm, [authenticator.name], authid, authextra=authenticator.authextra)

    def onChallenge(self, challenge):
        signature = self.authenticator.on_challenge(self, challenge)
        return signature.decode() if isinstance(signature, bytes) else signature

    def onWelcome(self, welcome):
        return self.authenticator and self.authenticator.on_welcome(self, welcome.authextra)

    def onJoin(self, details):
        self.details = details
        self.joined.set_result(self)

    def onLeave(self, details):
        self.goodbye = details
        if not self.joined.done():
            self.joined.set_exception(RuntimeError(f"not welcome: {details.reason} {details.message}"))
        self.disconnect()

    def another(self, serializer=None, realm="realm1", authenticator=None):
        """One more session over the same transport."""
        return join(self.url, serializer or self.serializer, realm, authenticator)

    def drop(self):
        """Ends without GOODBYE."""
        self._transport.transport.abort()

    def onUserError(self, failure, message):
        """Planned errors of our procedures are no news."""

    def onDisconnect(self):
        if not self.joined.done():
            self.joined.set_exception(RuntimeError("connection lost before WELCOME"))
        if not self.left.done():
            self.left.set_result(None)


def within_deadline(awaitable):
    return asyncio.wait_for(awaitable, DEADLINE_SECONDS)


async def connect(url, serializer, realm, authenticator):
    session = Session(url, serializer, realm, authenticator)
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


def join(url, serializer, realm="realm1", authenticator=None):
    return within_deadline(connect(url, serializer, realm, authenticator))


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
async def denied_actions(alice, bob, prefix):
    session = await alice.another(realm="restricted")
    for action in (
        lambda: session.call(prefix),
        lambda: session.register(echo, prefix),
        lambda: session.subscribe(echo, prefix),
        lambda: publish(session, prefix),
    ):
        await expect_error(action(), "wamp.error.not_authorized")
    await session.subscribe(echo, "interop.allowed")
    await leave(session)


# Conformance: PCR-01, PCR-02, PCR-03
async def progressive_results(alice, bob, prefix):
    def report(details):
        details.progress(*ARGS, **KWARGS)
        details.progress()
        details.progress(3)
        return "final"

    progress = []

    def take(*args, **kwargs):
        progress.append((list(args), kwargs))

    await bob.register(report, prefix, options=RegisterOptions(details_arg="details"))
    expect(await alice.call(prefix, options=CallOptions(on_progress=take)), "final")
    expect(progress, [(ARGS, KWARGS), ([], {}), ([3], {})])


async def register_endless(callee, procedure):
    """A procedure that ends when it is interrupted only; returns events of its beginning and of that."""
    begun, interrupted = asyncio.Event(), asyncio.Event()

    async def endless():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            interrupted.set()

    await callee.register(endless, procedure)
    return begun, interrupted


# Conformance: CAN-01, CAN-04
async def interrupts(alice, bob, prefix):
    begun, interrupted = await register_endless(bob, prefix)
    call = alice.call(prefix)
    await begun.wait()
    call.cancel()
    await interrupted.wait()
    # Both live on.
    await bob.register(echo, f"{prefix}.echo")
    expect(await alice.call(f"{prefix}.echo", 1), 1)


# Conformance: TMO-01, TMO-02
async def timeouts(alice, bob, prefix):
    _, interrupted = await register_endless(bob, prefix)
    # Documented as seconds; sent as it is, in the milliseconds of WAMP.
    await expect_error(alice.call(prefix, options=CallOptions(timeout=30)), "wamp.error.timeout")
    await interrupted.wait()


# Conformance: CID-03, PID-03
async def disclosure_by_configuration(alice, bob, prefix):
    prefix, wanted = f"interop.disclosed.{prefix}", alice.details
    wanted = (wanted.session, wanted.authid, wanted.authrole)

    def whoami(details):
        return CallResult(details.caller, details.caller_authid, details.caller_authrole)

    await bob.register(whoami, prefix, options=RegisterOptions(details_arg="details"))
    expect_result(await alice.call(prefix), list(wanted), {})
    publishers = asyncio.Queue()

    def take(details):
        publishers.put_nowait((details.publisher, details.publisher_authid, details.publisher_authrole))

    await bob.subscribe(take, prefix, options=SubscribeOptions(details_arg="details"))
    await publish(alice, prefix)
    expect(await publishers.get(), wanted)


class Packing:
    """A payload codec that keeps the octets that it made and met."""

    def __init__(self):
        self.packed, self.unpacked = [], []

    def encode(self, is_originating, uri, args=None, kwargs=None):
        self.packed.append(dumps([uri, list(args or []), kwargs or {}]) + b"\0\xff")
        return EncodedPayload(self.packed[-1], "cryptobox", "cbor", "interop.key")

    def decode(self, is_originating, uri, encoded):
        expect((encoded.enc_algo, encoded.enc_serializer, encoded.enc_key), ("cryptobox", "cbor", "interop.key"))
        self.unpacked.append(encoded.payload)
        return loads(encoded.payload[:-2])


# Conformance: PPT-04, TV-04
async def transparent_payload(alice, bob, prefix):
    for serializer in SERIALIZERS:
        topic = f"{prefix}.{serializer}"
        alice, bob = await alice.another(), await bob.another(serializer)
        ours, theirs = Packing(), Packing()
        alice.set_payload_codec(ours)
        bob.set_payload_codec(theirs)
        await bob.register(echo, topic)
        await bob.register(fail, f"{topic}.fail")
        _, received = await queue_events(bob, topic)
        await publish(alice, topic, *ARGS, **KWARGS)
        expect(await received.get(), (ARGS, KWARGS))
        expect_result(await alice.call(topic, *ARGS, **KWARGS), ARGS, KWARGS)
        error = await expect_error(alice.call(f"{topic}.fail", *ARGS, **KWARGS), PLANNED_ERROR)
        expect((list(error.args), error.kwargs), (ARGS, KWARGS))
        expect((len(ours.packed), theirs.unpacked), (3, ours.packed))
        expect((len(theirs.packed), ours.unpacked), (2, theirs.packed))
        await leave(alice)
        await leave(bob)


async def next_about(events, is_meant):
    """The arguments of the next event that is about the right thing; other sessions come and go meanwhile."""
    while True:
        args, _ = await events.get()
        if is_meant(args):
            return args


# Conformance: META-SES-01, META-SES-02, META-SES-03, META-SES-04
async def session_meta(alice, bob, prefix):
    on_join, joined = await queue_events(alice, "wamp.session.on_join")
    on_leave, left = await queue_events(alice, "wamp.session.on_leave")
    carol = await alice.another()
    session, authid, authrole = carol.details.session, carol.details.authid, carol.details.authrole
    (details,) = await next_about(joined, lambda args: args[0]["session"] == session)
    expect((details["authid"], details["authrole"]), (authid, authrole))
    assert await alice.call("wamp.session.count") >= 3
    assert session in await alice.call("wamp.session.list", [authrole])
    assert session not in await alice.call("wamp.session.list", ["nobody"])
    expect(await alice.call("wamp.session.get", session), details)
    await leave(carol)
    expect(await next_about(left, lambda args: args[0] == session), [session, authid, authrole])
    await expect_error(alice.call("wamp.session.get", session), "wamp.error.no_such_session")
    await on_join.unsubscribe()
    await on_leave.unsubscribe()


# Conformance: META-SES-02, META-SES-05
async def session_kill(alice, bob, prefix):
    on_leave, left = await queue_events(alice, "wamp.session.on_leave")
    carol = await alice.another()
    session, reason = carol.details.session, "interop.close.planned"
    await alice.call("wamp.session.kill", session, reason=reason, message="as planned")
    await carol.left
    expect((carol.goodbye.reason, carol.goodbye.message), (reason, "as planned"))
    await next_about(left, lambda args: args[0] == session)
    await on_leave.unsubscribe()


async def expect_life(alice, bob, prefix, kind, verb, members, begin, more):
    """Through the life of what Bob makes with `begin`; `members` is how the procedures call those who are on it."""
    life, subscriptions = asyncio.Queue(), []
    for name in ("on_create", f"on_{verb}", f"on_un{verb}", "on_delete"):

        def take(session, about, name=name):
            life.put_nowait(([name, session, about], {}))

        subscriptions.append(await alice.subscribe(take, f"wamp.{kind}.{name}"))

    def ask(procedure, *args):
        return alice.call(f"wamp.{kind}.{procedure}", *args)

    of_bob, made = bob.details.session, await begin()
    _, session, details = await next_about(
        life, lambda args: args[0] == "on_create" and args[2]["uri"] == prefix
    )
    id = details["id"]

    async def expect_next(name):
        expect(await next_about(life, lambda args: args[2] == id), [name, of_bob, id])

    expect((session, details["match"]), (of_bob, "exact"))
    await expect_next(f"on_{verb}")
    assert id in (await ask("list"))["exact"]
    expect(await ask("lookup", prefix), id)
    expect(await ask("lookup", prefix, {"match": "prefix"}), None)
    # With keys of its own, perhaps.
    expect((await ask("get", id)).items() >= details.items(), True)
    expect(await ask(f"list_{members}", id), [of_bob])
    expect(await ask(f"count_{members}", id), 1)
    await more(details, ask)
    await getattr(made, f"un{verb}")()
    await expect_next(f"on_un{verb}")
    await expect_next("on_delete")
    expect(await ask("lookup", prefix), None)
    await expect_error(ask("get", id), f"wamp.error.no_such_{kind}")
    for subscription in subscriptions:
        await subscription.unsubscribe()


# Conformance: META-REG-01, META-REG-02, META-REG-03, META-REG-04, META-REG-05, META-REG-06
async def registration_meta(alice, bob, prefix):
    def begin():
        return bob.register(echo, prefix, options=RegisterOptions(invoke="roundrobin"))

    async def more(details, ask):
        expect(details["invoke"], "roundrobin")
        expect(await ask("match", prefix), details["id"])

    await expect_life(alice, bob, prefix, "registration", "register", "callees", begin, more)


# Conformance: META-SUB-01, META-SUB-02, META-SUB-03, META-SUB-04
async def subscription_meta(alice, bob, prefix):
    async def more(details, ask):
        expect(await ask("match", prefix), [details["id"]])

    await expect_life(
        alice, bob, prefix, "subscription", "subscribe", "subscribers", lambda: bob.subscribe(echo, prefix), more
    )


# Conformance: TST-01, TST-02, TST-04
async def testaments(alice, bob, prefix):
    _, received = await queue_events(bob, prefix)
    carol = await alice.another()
    await carol.call("wamp.session.add_testament", prefix, ["flushed"], {})
    await carol.call("wamp.session.flush_testaments")
    await carol.call("wamp.session.add_testament", prefix, ARGS, KWARGS)
    carol.drop()
    expect(await received.get(), (ARGS, KWARGS))
    await carol.left


# Conformance: RET-01, RET-02, RET-04
async def retained_events(alice, bob, prefix):
    await publish(alice, prefix, *ARGS, options={"retain": True}, **KWARGS)
    events = asyncio.Queue()

    def take(*args, details, **kwargs):
        events.put_nowait((bool(details.retained), list(args), kwargs))

    await bob.subscribe(take, prefix, options=SubscribeOptions(get_retained=True, details_arg="details"))
    expect(await events.get(), (True, ARGS, KWARGS))
    await publish(alice, prefix, "live", options={"retain": True})
    expect(await events.get(), (False, ["live"], {}))


# Conformance: HIS-01, HIS-04, HIS-09
async def event_history(alice, bob, prefix):
    topic = f"interop.history.{prefix}"
    first = await publish(alice, topic, *ARGS, **KWARGS)
    second = await publish(alice, topic, "second")
    history = await alice.call("wamp.subscription.lookup", "interop.history.", {"match": "prefix"})
    found = await alice.call("wamp.subscription.get_events", history, topic=topic, reverse=True, limit=2)
    newest, oldest = found.results
    expect((newest["publication"], newest["args"]), (second.id, ["second"]))
    expect((oldest["publication"], oldest["args"], oldest["kwargs"]), (first.id, ARGS, KWARGS))


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


async def log_in(session, authid, method, wrong, **credential):
    """Logs in by that credential, and fails to with another."""
    another = await session.another(
        realm="logins", authenticator=create_authenticator(method, authid=authid, **credential)
    )
    details = another.details
    expect((details.authid, details.authrole, details.authmethod), (authid, "user", method))
    await leave(another)
    try:
        await session.another(
            realm="logins", authenticator=create_authenticator(method, authid=authid, **{**credential, **wrong})
        )
    except RuntimeError as error:
        expect("wamp.error.authentication_denied" in str(error), True)
    else:
        raise AssertionError("welcome with a wrong credential")


# Conformance: AUTH-TKT-01
async def ticket(alice, _bob, _prefix):
    await log_in(alice, "joe", "ticket", {"ticket": "wrong"}, ticket="joe-ticket")


# Conformance: AUTH-CRA-01
async def wampcra(alice, _bob, _prefix):
    await log_in(alice, "jane", "wampcra", {"secret": "wrong"}, secret="jane-secret")


# Conformance: AUTH-CRA-04
async def salted_wampcra(alice, _bob, _prefix):
    await log_in(alice, "jim", "wampcra", {"secret": "wrong"}, secret="secret123")


# Conformance: AUTH-SCRAM-11
async def scram(alice, _bob, _prefix):
    await log_in(alice, "jill", "scram", {"password": "wrong"}, password="jill-password")


# Conformance: AUTH-CS-01
async def cryptosign(alice, _bob, _prefix):
    seed = "062af47aae54871a1150a2a1ac6287f61399b1a952c22011aa3ed229b8e15e68"
    await log_in(alice, "jack", "cryptosign", {"privkey": "11" * 32}, privkey=seed)


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
    denied_actions,
    progressive_results,
    interrupts,
    timeouts,
    disclosure_by_configuration,
    transparent_payload,
    session_meta,
    session_kill,
    registration_meta,
    subscription_meta,
    testaments,
    retained_events,
    event_history,
    ticket,
    wampcra,
    salted_wampcra,
    scram,
    cryptosign,
]
CANNOT = {
    "canceling": "gives a call up without waiting for the router's answer to CANCEL",
    "progressive_invocations": "sends a CALL in one message only",
    "disclosure_on_request": "has no `disclose_me` among the options of `call` and `publish`",
    "packed_payload": "has no payload passthru mode",
}
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
    for name, why in CANNOT.items():
        print(f"cannot {name}: {why}", flush=True)
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
