// What a JavaScript peer does in its modes (../README.md), whichever client it is: wampy.mjs and autobahn.mjs
// bring the sessions.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

const DEADLINE_MS = 20_000;
const PLANNED_ERROR = 'interop.error.planned';
const PAYLOAD = JSON.parse(readFileSync(new URL('../payload.json', import.meta.url), 'utf8'));

// What procedures throw and what requests are rejected with.
export class WampError extends Error {
    constructor(uri, args, kwargs) {
        super(`${uri} ${JSON.stringify(args)}`);
        Object.assign(this, { uri, args, kwargs });
    }
}

// Both clients leave binary data in JSON to their users: there the payload is sent as the file spells it.
function payload(serializer) {
    return serializer === 'json' ? PAYLOAD : withBytes(PAYLOAD);
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
        timer = setTimeout(() => reject(new Error(`not done within ${DEADLINE_MS / 1000} s`)), DEADLINE_MS);
    });
    return Promise.race([promise, tooLate]).finally(() => clearTimeout(timer));
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
        return new Promise((resolve) => this.#readers.push(resolve));
    }

    get isEmpty() {
        return this.#values.length === 0;
    }
}

// Subscribes; `take` gives the next event, `unsubscribe` ends it.
async function queueEvents(session, topic, options) {
    const events = new Queue();
    const unsubscribe = await session.subscribe(topic, (event) => events.put(event), options);
    return { events, unsubscribe };
}

function expectPayload({ args, kwargs }, wanted = PAYLOAD) {
    assert.deepEqual(plain([args ?? [], kwargs ?? {}]), [wanted.args ?? [], wanted.kwargs ?? {}]);
}

async function expectError(promise, uri) {
    const error = await promise.then(
        () => assert.fail(`no error instead of ${uri}`),
        (reason) => reason,
    );
    assert.equal(error.uri, uri, error);
    return error;
}

const words = (...args) => ({ args });
const echo = ({ args, kwargs }) => ({ args, kwargs });

function fail({ args, kwargs }) {
    throw new WampError(PLANNED_ERROR, args, kwargs);
}

// Conformance: PUB-02, PUB-04
async function events({ alice, bob, prefix, content }) {
    const { events: received } = await queueEvents(bob, prefix);
    assert.ok((await alice.publish(prefix, content)) > 0);
    expectPayload(await received.get());
}

// Conformance: PUB-03
async function publisher_exclusion({ alice, bob, prefix }) {
    const { events: received } = await queueEvents(alice, prefix);
    await alice.publish(prefix, words('excluded'));
    await bob.publish(prefix, words('included'));
    expectPayload(await received.get(), words('included'));
}

// Conformance: EXC-01
async function own_events({ alice, prefix }) {
    const { events: received } = await queueEvents(alice, prefix);
    await alice.publish(prefix, words('included'), { exclude_me: false });
    expectPayload(await received.get(), words('included'));
}

// Conformance: SUB-04
async function unsubscribe({ alice, bob, prefix }) {
    const first = await queueEvents(bob, prefix);
    await first.unsubscribe();
    await alice.publish(prefix, words('missed'));
    const second = await queueEvents(bob, prefix);
    await alice.publish(prefix, words('seen'));
    expectPayload(await second.events.get(), words('seen'));
    assert.ok(first.events.isEmpty, 'an event after UNSUBSCRIBED');
}

// Conformance: PBS-01, PBS-02, PBS-05
async function prefix_subscription({ alice, bob, prefix }) {
    const { events: received } = await queueEvents(bob, `${prefix}.news`, { match: 'prefix' });
    await alice.publish(`${prefix}.sports`, words('no match'));
    await alice.publish(`${prefix}.news.today`, words('match'));
    assert.equal((await received.get()).uri, `${prefix}.news.today`);
}

// Conformance: PBS-01, PBS-03, PBS-05
async function wildcard_subscription({ alice, bob, prefix }) {
    const { events: received } = await queueEvents(bob, `${prefix}..today`, { match: 'wildcard' });
    await alice.publish(`${prefix}.news.yesterday`, words('no match'));
    await alice.publish(`${prefix}.news.today`, words('match'));
    assert.equal((await received.get()).uri, `${prefix}.news.today`);
}

// Conformance: BWL-01, BWL-02
async function receiver_lists({ alice, bob, prefix }) {
    const { events: received } = await queueEvents(bob, prefix);
    const passingBy = {
        exclude: [bob.id],
        exclude_authid: [bob.authid],
        exclude_authrole: [bob.authrole],
        eligible: [alice.id],
        eligible_authid: [alice.authid],
        eligible_authrole: ['somebody'],
    };
    for (const [key, value] of Object.entries(passingBy)) {
        await alice.publish(prefix, words(key), { [key]: value });
    }
    await alice.publish(prefix, words('meant'), {
        eligible: [bob.id],
        eligible_authid: [bob.authid],
        eligible_authrole: [bob.authrole],
        exclude: [alice.id],
    });
    expectPayload(await received.get(), words('meant'));
}

// Conformance: RPC-04
async function calls({ alice, bob, prefix, content }) {
    await bob.register(prefix, echo);
    expectPayload(await alice.call(prefix, content));
    expectPayload(await alice.call(prefix, words('one')), words('one'));
}

// Conformance: RPC-05, ERR-06
async function application_errors({ alice, bob, prefix, content }) {
    await bob.register(prefix, fail);
    expectPayload(await expectError(alice.call(prefix, content), PLANNED_ERROR));
}

// Conformance: RPC-02, RPC-03
async function unregister({ alice, bob, prefix }) {
    const end = await bob.register(prefix, echo);
    expectPayload(await alice.call(prefix, words(1)), words(1));
    await end();
    await expectError(alice.call(prefix, words(1)), 'wamp.error.no_such_procedure');
}

// Conformance: RPC-01
async function second_registration({ alice, bob, prefix }) {
    await bob.register(prefix, echo);
    await expectError(alice.register(prefix, echo), 'wamp.error.procedure_already_exists');
}

// Conformance: PBR-01, PBR-05
async function prefix_registration({ alice, bob, prefix }) {
    await bob.register(prefix, ({ uri }) => words(uri), { match: 'prefix' });
    const procedure = `${prefix}.any.procedure`;
    expectPayload(await alice.call(procedure, {}), words(procedure));
}

// Conformance: PBR-01, PBR-05
async function wildcard_registration({ alice, bob, prefix }) {
    await bob.register(`${prefix}..procedure`, ({ uri }) => words(uri), { match: 'wildcard' });
    const procedure = `${prefix}.any.procedure`;
    expectPayload(await alice.call(procedure, {}), words(procedure));
}

// Conformance: SHR-01, SHR-03
async function roundrobin({ alice, bob, prefix }) {
    await alice.register(prefix, () => words('alice'), { invoke: 'roundrobin' });
    await bob.register(prefix, () => words('bob'), { invoke: 'roundrobin' });
    for (const name of ['alice', 'bob', 'alice', 'bob']) {
        expectPayload(await alice.call(prefix, {}), words(name));
    }
}

// Conformance: CON-01
async function concurrency({ alice, bob, prefix }) {
    const begun = new Queue();
    const finish = new Queue();
    const slow = async () => {
        begun.put();
        await finish.get();
        return words('finished');
    };
    await bob.register(prefix, slow, { concurrency: 1 });
    const first = alice.call(prefix, {});
    await Promise.race([begun.get(), first]);
    await expectError(alice.call(prefix, {}), 'trunkline.error.max_concurrency_reached');
    finish.put();
    expectPayload(await first, words('finished'));
}

// Conformance: AUTHZ-02
async function denied_actions({ join, prefix }) {
    const session = await join({ realm: 'restricted' });
    for (const action of [
        () => session.call(prefix, {}),
        () => session.register(prefix, echo),
        () => session.subscribe(prefix, echo),
        () => session.publish(prefix, {}),
    ]) {
        await expectError(action(), 'wamp.error.not_authorized');
    }
    await session.subscribe('interop.allowed', echo);
    await session.leave();
}

// Conformance: PCR-01, PCR-02, PCR-03
async function progressive_results({ alice, bob, prefix, content }) {
    await bob.register(prefix, ({ progress }) => {
        progress(content);
        progress(words(2));
        return words('final');
    });
    const progress = [];
    const final = await alice.call(prefix, {}, { onProgress: (result) => progress.push(result) });
    expectPayload(final, words('final'));
    assert.equal(progress.length, 2);
    expectPayload(progress[0]);
    expectPayload(progress[1], words(2));
}

const never = () => new Promise(() => {});

// Conformance: CAN-01, CAN-05
async function canceling({ alice, bob, prefix }) {
    const begun = new Queue();
    await bob.register(prefix, () => {
        begun.put();
        return never();
    });
    const { answer, cancel } = alice.begin(prefix);
    await Promise.all([expectError(answer, 'wamp.error.canceled'), begun.get().then(cancel)]);
}

// Conformance: TMO-01, TMO-02
async function timeouts({ alice, bob, prefix }) {
    await bob.register(prefix, never);
    await expectError(alice.call(prefix, {}, { timeout: 30 }), 'wamp.error.timeout');
}

async function expectDisclosure({ alice, bob }, uri, options) {
    const wanted = words(...plain([alice.id, alice.authid, alice.authrole]));
    await bob.register(uri, ({ caller }) => words(...caller));
    expectPayload(await alice.call(uri, {}, options), wanted);
    const { events: received } = await queueEvents(bob, uri);
    await alice.publish(uri, {}, options);
    expectPayload(words(...(await received.get()).publisher), wanted);
}

// Conformance: CID-01, PID-01
async function disclosure_on_request({ alice, bob, prefix }) {
    await expectDisclosure({ alice, bob }, prefix, { disclose_me: true });
}

// Conformance: CID-03, PID-03
async function disclosure_by_configuration({ alice, bob, prefix }) {
    await expectDisclosure({ alice, bob }, `interop.disclosed.${prefix}`, {});
}

// Conformance: PPT-01, PPT-02, PPT-04
async function packed_payload({ alice, join, prefix, content }) {
    const packing = { ppt_scheme: 'x_interop', ppt_serializer: 'cbor' };
    for (const serializer of ['msgpack', 'cbor']) {
        const uri = `${prefix}.${serializer}`;
        const carol = await join({ serializer });
        await carol.register(uri, (invocation) => ({ ...echo(invocation), options: packing }));
        expectPayload(await alice.call(uri, content, packing));
        const { events: received } = await queueEvents(carol, uri);
        await alice.publish(uri, content, packing);
        expectPayload(await received.get());
        await carol.leave();
    }
}

// What a meta procedure returns.
async function meta(session, procedure, ...args) {
    return plain((await session.call(procedure, words(...args))).args);
}

// The arguments of the next event that is about the right thing; other sessions come and go meanwhile.
async function nextAbout(events, isMeant) {
    for (;;) {
        const args = plain((await events.get()).args);
        if (isMeant(args)) return args;
    }
}

// Conformance: META-SES-01, META-SES-02, META-SES-03, META-SES-04
async function session_meta({ alice, join }) {
    const { events: joined } = await queueEvents(alice, 'wamp.session.on_join');
    const { events: left } = await queueEvents(alice, 'wamp.session.on_leave');
    const carol = await join();
    const { authid, authrole } = carol;
    const id = plain(carol.id);
    const [details] = await nextAbout(joined, ([{ session }]) => session === id);
    assert.deepEqual([details.authid, details.authrole], [authid, authrole]);
    assert.ok((await meta(alice, 'wamp.session.count'))[0] >= 3);
    assert.ok((await meta(alice, 'wamp.session.list', [authrole]))[0].includes(id));
    assert.ok(!(await meta(alice, 'wamp.session.list', ['nobody']))[0].includes(id));
    assert.deepEqual(await meta(alice, 'wamp.session.get', id), [details]);
    await carol.leave();
    assert.deepEqual(await nextAbout(left, ([session]) => session === id), [id, authid, authrole]);
    await expectError(alice.call('wamp.session.get', words(id)), 'wamp.error.no_such_session');
}

// Conformance: META-SES-02, META-SES-05
async function session_kill({ alice, join }) {
    const { events: left } = await queueEvents(alice, 'wamp.session.on_leave');
    const carol = await join();
    const id = plain(carol.id);
    const reason = 'interop.close.planned';
    await alice.call('wamp.session.kill', { args: [id], kwargs: { reason, message: 'as planned' } });
    // wampy.js does not say why.
    assert.ok([reason, undefined].includes(await carol.ended));
    await nextAbout(left, ([session]) => session === id);
}

// One queue for the four meta events of registrations or subscriptions, each with its name.
async function queueLife(session, kind, verb) {
    const life = new Queue();
    for (const name of ['on_create', `on_${verb}`, `on_un${verb}`, 'on_delete']) {
        await session.subscribe(`wamp.${kind}.${name}`, ({ args }) => life.put({ args: [name, ...args] }));
    }
    return life;
}

// Through the life of what Bob makes with `begin`; `members` is how the procedures call those who are on it.
async function expectLife({ alice, bob, prefix }, { kind, verb, members, begin, more }) {
    const life = await queueLife(alice, kind, verb);
    const end = await begin();
    const ofBob = plain(bob.id);
    const [, creator, details] = await nextAbout(life, ([name, , { uri }]) => name === 'on_create' && uri === prefix);
    const { id } = details;
    assert.equal(creator, ofBob);
    assert.equal(details.match, 'exact');
    const next = () => nextAbout(life, ([, session, of]) => session === ofBob && of === id);
    assert.equal((await next())[0], `on_${verb}`);
    const ask = async (name, ...args) => (await meta(alice, `wamp.${kind}.${name}`, ...args))[0];
    assert.ok((await ask('list')).exact.includes(id));
    assert.equal(await ask('lookup', prefix), id);
    assert.equal(await ask('lookup', prefix, { match: 'prefix' }), null);
    // With keys of its own, perhaps.
    assert.deepEqual({ ...(await ask('get', id)), ...details }, await ask('get', id));
    assert.deepEqual(await ask(`list_${members}`, id), [ofBob]);
    assert.equal(await ask(`count_${members}`, id), 1);
    await more({ id, details, ask });
    await end();
    assert.equal((await next())[0], `on_un${verb}`);
    assert.equal((await next())[0], 'on_delete');
    assert.equal(await ask('lookup', prefix), null);
    await expectError(alice.call(`wamp.${kind}.get`, words(id)), `wamp.error.no_such_${kind}`);
}

// Conformance: META-REG-01, META-REG-02, META-REG-03, META-REG-04, META-REG-05, META-REG-06
async function registration_meta({ alice, bob, prefix }) {
    await expectLife(
        { alice, bob, prefix },
        {
            kind: 'registration',
            verb: 'register',
            members: 'callees',
            begin: () => bob.register(prefix, echo, { invoke: 'roundrobin' }),
            async more({ id, details, ask }) {
                assert.equal(details.invoke, 'roundrobin');
                assert.equal(await ask('match', prefix), id);
            },
        },
    );
}

// Conformance: META-SUB-01, META-SUB-02, META-SUB-03, META-SUB-04
async function subscription_meta({ alice, bob, prefix }) {
    await expectLife(
        { alice, bob, prefix },
        {
            kind: 'subscription',
            verb: 'subscribe',
            members: 'subscribers',
            begin: async () => (await queueEvents(bob, prefix)).unsubscribe,
            async more({ id, ask }) {
                assert.deepEqual(await ask('match', prefix), [id]);
            },
        },
    );
}

// Conformance: TST-01, TST-02, TST-04
async function testaments({ bob, join, prefix, content }) {
    const { events: received } = await queueEvents(bob, prefix);
    const carol = await join();
    await carol.call('wamp.session.add_testament', words(prefix, ['flushed'], {}));
    await carol.call('wamp.session.flush_testaments', {});
    await carol.call('wamp.session.add_testament', words(prefix, content.args, content.kwargs));
    carol.drop();
    expectPayload(await received.get());
    await carol.ended;
}

// Conformance: RET-01, RET-02, RET-04
async function retained_events({ alice, bob, prefix, content }) {
    await alice.publish(prefix, content, { retain: true });
    const { events: received } = await queueEvents(bob, prefix, { get_retained: true });
    const retained = await received.get();
    expectPayload(retained);
    assert.ok(retained.isRetained);
    await alice.publish(prefix, words('live'), { retain: true });
    const live = await received.get();
    expectPayload(live, words('live'));
    assert.ok(!live.isRetained);
}

// Conformance: HIS-01, HIS-04, HIS-09
async function event_history({ alice, prefix, content }) {
    const topic = `interop.history.${prefix}`;
    const first = await alice.publish(topic, content);
    const second = await alice.publish(topic, words('second'));
    const [id] = await meta(alice, 'wamp.subscription.lookup', 'interop.history.', { match: 'prefix' });
    const query = { args: [id], kwargs: { topic, reverse: true, limit: 2 } };
    const { args: events } = await alice.call('wamp.subscription.get_events', query);
    assert.deepEqual(plain(events.map(({ publication }) => publication)), plain([second, first]));
    expectPayload(events[0], words('second'));
    expectPayload(events[1]);
}

// Conformance: SER-01, SER-06
async function calls_served({ alice, served, content }) {
    expectPayload(await alice.call(`${served}.echo`, content));
    expectPayload(await expectError(alice.call(`${served}.fail`, content), PLANNED_ERROR));
}

// Conformance: SER-01, SER-06
async function events_to_served({ alice, served, topic, content }) {
    await alice.call(`${served}.watch`, words(topic));
    await alice.publish(topic, content);
    expectPayload(await alice.call(`${served}.received`, words(topic)));
}

// Conformance: SER-01, SER-06
async function events_from_served({ alice, served, topic }) {
    const { events: received } = await queueEvents(alice, topic);
    await alice.call(`${served}.emit`, words(topic));
    expectPayload(await received.get());
}

// Logs in by that credential, and fails to with another.
async function logIn(join, authid, method, right, wrong) {
    const session = await join({ realm: 'logins', login: { authid, method, ...right } });
    assert.deepEqual([session.authid, session.authrole], [authid, 'user']);
    await session.leave();
    const failed = join({ realm: 'logins', login: { authid, method, ...wrong } });
    const error = await failed.then(
        () => new Error('welcome with a wrong credential'),
        (error) => error,
    );
    if (!String(error.message).includes('wamp.error.authentication_denied')) throw error;
}

// Conformance: AUTH-TKT-01
function ticket({ join }) {
    return logIn(join, 'joe', 'ticket', { ticket: 'joe-ticket' }, { ticket: 'wrong' });
}

// Conformance: AUTH-CRA-01
function wampcra({ join }) {
    return logIn(join, 'jane', 'wampcra', { secret: 'jane-secret' }, { secret: 'wrong' });
}

// Conformance: AUTH-CRA-04
function salted_wampcra({ join }) {
    return logIn(join, 'jim', 'wampcra', { secret: 'secret123' }, { secret: 'wrong' });
}

// Conformance: AUTH-CS-01
function cryptosign({ join }) {
    const seed = '062af47aae54871a1150a2a1ac6287f61399b1a952c22011aa3ed229b8e15e68';
    const pubkey = '4d009094773be72533e7c933d230bc5fa60fe47a743d4667c6b4c4d6eb917877';
    return logIn(join, 'jack', 'cryptosign', { seed, pubkey }, { seed: '11'.repeat(32), pubkey });
}

const ALONE = [
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
    canceling,
    timeouts,
    disclosure_on_request,
    disclosure_by_configuration,
    packed_payload,
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
    cryptosign,
];
const WITH_SERVED = [calls_served, events_to_served, events_from_served];

async function report(name, scenario) {
    try {
        await withinDeadline(scenario);
        console.log(`ok ${name}`);
    } catch (error) {
        console.log(`failed ${name}: ${String(error?.message ?? error).split(/\s+/).join(' ')}`);
    }
}

async function check(client, url, ours, prefix, ...allServed) {
    const join = ({ realm = 'realm1', serializer = ours, login } = {}) =>
        withinDeadline(client.join(url, serializer, realm, login));
    const [alice, bob] = [await join(), await join()];
    const content = payload(ours);
    const cannot = client.cannot(ours);
    for (const [name, why] of Object.entries(cannot)) console.log(`cannot ${name}: ${why}`);
    for (const scenario of ALONE) {
        const { name } = scenario;
        if (!(name in cannot)) await report(name, scenario({ alice, bob, join, content, prefix: `${prefix}.${name}` }));
    }
    for (const served of allServed) {
        for (const scenario of WITH_SERVED) {
            const topic = `${prefix}.${scenario.name}.${served}`;
            await report(`${scenario.name} by ${served}`, scenario({ alice, served, topic, content }));
        }
    }
    await withinDeadline(alice.leave());
    await withinDeadline(bob.leave());
    console.log('done');
}

async function serve(client, url, serializer, prefix) {
    const session = await withinDeadline(client.join(url, serializer, 'realm1'));
    const inboxes = new Map();
    const procedures = {
        echo,
        fail,
        async watch({ args: [topic] }) {
            inboxes.set(topic, (await queueEvents(session, topic)).events);
            return {};
        },
        async received({ args: [topic] }) {
            const inbox = inboxes.get(topic);
            inboxes.delete(topic);
            return echo(await withinDeadline(inbox.get()));
        },
        async emit({ args: [topic] }) {
            await session.publish(topic, payload(serializer));
            return {};
        },
    };
    for (const [name, procedure] of Object.entries(procedures)) {
        await withinDeadline(session.register(`${prefix}.${name}`, procedure));
    }
    console.log('ready');
    process.stdin.resume();
    await once(process.stdin, 'end');
    await withinDeadline(session.leave());
}

// Runs the mode that the command line names. `client.join` resolves with a session whose requests take and give
// `{ args, kwargs }`, to handlers with the `uri` and what else Details say; `client.cannot` says which scenarios it
// has no means for in a serializer, and why.
export async function run(client) {
    const [mode, ...rest] = process.argv.slice(2);
    await { serve, check }[mode](client, ...rest);
}
