// One wampy.js peer; ../README.md says what its modes do.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Wampy } from 'wampy';
import { CborSerializer } from 'wampy/CborSerializer.js';
import { JsonSerializer } from 'wampy/JsonSerializer.js';
import { MsgpackSerializer } from 'wampy/MsgpackSerializer.js';
import WebSocket from 'ws';

const DEADLINE_MS = 20_000;
const SERIALIZERS = { json: JsonSerializer, msgpack: MsgpackSerializer, cbor: CborSerializer };
const PLANNED_ERROR = 'interop.error.planned';
const PAYLOAD = JSON.parse(readFileSync(new URL('../payload.json', import.meta.url), 'utf8'));

// wampy leaves binary data in JSON to its user: there the payload is sent as the file spells it.
function payload(serializer) {
    const { args, kwargs } = serializer === 'json' ? PAYLOAD : withBytes(PAYLOAD);
    return { argsList: args, argsDict: kwargs };
}

function withBytes(value) {
    if (typeof value === 'string' && value.startsWith('\0')) return Buffer.from(value.slice(1), 'base64');
    return mapped(value, withBytes);
}

// The payload as the file spells it, whatever serializer brought it.
function plain(value) {
    if (value instanceof Uint8Array) return `\0${Buffer.from(value).toString('base64')}`;
    if (typeof value === 'bigint') return Number(value);
    return mapped(value, plain);
}

function mapped(value, map) {
    if (Array.isArray(value)) return value.map(map);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, map(item)]));
}

function withinDeadline(promise) {
    let timer;
    const tooLate = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer in ${DEADLINE_MS} ms`)), DEADLINE_MS);
    });
    return Promise.race([promise, tooLate]).finally(() => clearTimeout(timer));
}

async function join(url, serializer) {
    const session = new Wampy(url, {
        realm: 'realm1',
        ws: WebSocket,
        serializer: new SERIALIZERS[serializer](),
        autoReconnect: false,
    });
    await withinDeadline(session.connect());
    return session;
}

// Values that wait for their reader, or the other way round.
class Queue {
    #values = [];
    #readers = [];

    put(value) {
        const reader = this.#readers.shift();
        if (reader) reader(value);
        else this.#values.push(value);
    }

    get() {
        if (this.#values.length > 0) return Promise.resolve(this.#values.shift());
        return withinDeadline(new Promise((resolve) => this.#readers.push(resolve)));
    }

    get isEmpty() {
        return this.#values.length === 0;
    }
}

async function queueEvents(session, topic) {
    const events = new Queue();
    const { subscriptionKey } = await withinDeadline(session.subscribe(topic, (event) => events.put(event)));
    return { events, subscriptionKey };
}

function expectPayload({ argsList, argsDict }, args = PAYLOAD.args, kwargs = PAYLOAD.kwargs) {
    assert.deepEqual(plain([argsList ?? [], argsDict ?? {}]), [args, kwargs]);
}

async function expectError(promise, uri) {
    const error = await promise.then(
        () => assert.fail(`no error instead of ${uri}`),
        (reason) => reason,
    );
    assert.equal(error.errorUri, uri, error);
    return error;
}

const echo = ({ argsList, argsDict }) => ({ argsList, argsDict });

function fail({ argsList, argsDict }) {
    throw { error: PLANNED_ERROR, details: {}, argsList, argsDict };
}

const publish = (session, topic, content, options) => withinDeadline(session.publish(topic, content, options));
const call = (session, procedure, content) => withinDeadline(session.call(procedure, content));
const register = (session, procedure, handler) => withinDeadline(session.register(procedure, handler));

// Conformance: PUB-02, PUB-04
async function events({ alice, bob, prefix, content }) {
    const { events: received } = await queueEvents(bob, `${prefix}.events`);
    const { publicationId } = await publish(alice, `${prefix}.events`, content);
    assert.ok(publicationId > 0);
    expectPayload(await received.get());
}

// wampy cannot ask for its own events, so the second one comes from somebody else.
// Conformance: PUB-03
async function publisher_exclusion({ alice, bob, prefix }) {
    const { events: received } = await queueEvents(alice, `${prefix}.own`);
    await publish(alice, `${prefix}.own`, ['excluded']);
    await publish(bob, `${prefix}.own`, ['included']);
    expectPayload(await received.get(), ['included'], {});
}

// Conformance: SUB-04
async function unsubscribe({ alice, bob, prefix }) {
    const { events: received, subscriptionKey } = await queueEvents(bob, `${prefix}.paused`);
    await withinDeadline(bob.unsubscribe(subscriptionKey));
    await publish(alice, `${prefix}.paused`, ['missed']);
    const { events: receivedAgain } = await queueEvents(bob, `${prefix}.paused`);
    await publish(alice, `${prefix}.paused`, ['seen']);
    expectPayload(await receivedAgain.get(), ['seen'], {});
    assert.ok(received.isEmpty, 'an event after UNSUBSCRIBED');
}

// Conformance: RPC-04
async function calls({ alice, bob, prefix, content }) {
    await register(bob, `${prefix}.calls`, echo);
    expectPayload(await call(alice, `${prefix}.calls`, content));
    expectPayload(await call(alice, `${prefix}.calls`, ['one']), ['one'], {});
}

// Conformance: RPC-05, ERR-06
async function application_errors({ alice, bob, prefix, content }) {
    await register(bob, `${prefix}.fails`, fail);
    expectPayload(await expectError(call(alice, `${prefix}.fails`, content), PLANNED_ERROR));
}

// Conformance: RPC-02, RPC-03
async function unregister({ alice, bob, prefix }) {
    await register(bob, `${prefix}.gone`, echo);
    expectPayload(await call(alice, `${prefix}.gone`, [1]), [1], {});
    await withinDeadline(bob.unregister(`${prefix}.gone`));
    await expectError(call(alice, `${prefix}.gone`, [1]), 'wamp.error.no_such_procedure');
}

// Conformance: RPC-01
async function second_registration({ alice, bob, prefix }) {
    await register(bob, `${prefix}.taken`, echo);
    await expectError(register(alice, `${prefix}.taken`, echo), 'wamp.error.procedure_already_exists');
}

// Conformance: SER-01, SER-06
async function calls_served({ alice, served, content }) {
    expectPayload(await call(alice, `${served}.echo`, content));
    expectPayload(await expectError(call(alice, `${served}.fail`, content), PLANNED_ERROR));
}

// Conformance: SER-01, SER-06
async function events_to_served({ alice, served, content }) {
    await publish(alice, `${served}.inbox`, content);
    expectPayload(await call(alice, `${served}.received`));
}

// Conformance: SER-01, SER-06
async function events_from_served({ alice, served }) {
    const { events: received, subscriptionKey } = await queueEvents(alice, `${served}.outbox`);
    await call(alice, `${served}.emit`);
    expectPayload(await received.get());
    await withinDeadline(alice.unsubscribe(subscriptionKey));
}

const ALONE = [events, publisher_exclusion, unsubscribe, calls, application_errors, unregister, second_registration];
const WITH_SERVED = [calls_served, events_to_served, events_from_served];

async function report(name, scenario) {
    try {
        await scenario;
        console.log(`ok ${name}`);
    } catch (error) {
        const why = `${error.message ?? ''} ${error.errorUri ?? ''} ${JSON.stringify(error.argsList ?? [])}`;
        console.log(`failed ${name}: ${why.split(/\s+/).join(' ')}`);
    }
}

async function check(url, serializer, prefix, ...allServed) {
    const alice = await join(url, serializer);
    const bob = await join(url, serializer);
    const content = payload(serializer);
    for (const scenario of ALONE) {
        const own = `${prefix}.${scenario.name}`;
        await report(scenario.name, scenario({ alice, bob, prefix: own, content }));
    }
    for (const served of allServed) {
        for (const scenario of WITH_SERVED) {
            await report(`${scenario.name} by ${served}`, scenario({ alice, served, content }));
        }
    }
    await withinDeadline(alice.disconnect());
    await withinDeadline(bob.disconnect());
    console.log('done');
}

async function serve(url, serializer, prefix) {
    const session = await join(url, serializer);
    const { events: inbox } = await queueEvents(session, `${prefix}.inbox`);
    await register(session, `${prefix}.echo`, echo);
    await register(session, `${prefix}.fail`, fail);
    await register(session, `${prefix}.received`, async () => echo(await inbox.get()));
    await register(session, `${prefix}.emit`, async () => {
        await publish(session, `${prefix}.outbox`, payload(serializer));
    });
    console.log('ready');
    process.stdin.resume();
    await once(process.stdin, 'end');
    await withinDeadline(session.disconnect());
}

const [mode, ...rest] = process.argv.slice(2);
await { serve, check }[mode](...rest);
