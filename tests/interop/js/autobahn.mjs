// The sessions of Autobahn|JS, as peer.mjs takes them.

import autobahn from 'autobahn';
import WebSocket from 'ws';

import { run, WampError } from './peer.mjs';

// Autobahn takes the platform's, which node has from version 22 on only, and which knows no Unix sockets.
globalThis.WebSocket = WebSocket;
// It warns of every connection that ends.
autobahn.log.warn = () => {};

const SERIALIZERS = {
    json: autobahn.serializer.JSONSerializer,
    msgpack: autobahn.serializer.MsgpackSerializer,
    cbor: autobahn.serializer.CBORSerializer,
};

function transport(url, serializer) {
    const { protocol, hostname, port, pathname } = new URL(url);
    switch (protocol) {
        case 'rs:':
            return { type: 'rawsocket', host: hostname, port: Number(port) };
        case 'rs+unix:':
            return { type: 'rawsocket', path: pathname };
        case 'ws+unix:':
            // `ws` parts the socket's path from the request's with a colon.
            url = `ws+unix:${pathname}:/ws`;
            break;
    }
    return { type: 'websocket', url, serializers: [new SERIALIZERS[serializer]()] };
}

const cannot = {
    interrupts: 'knows no INTERRUPT',
    progressive_invocations: 'sends a CALL in one message only',
    packed_payload: 'has no payload passthru mode',
    transparent_payload: 'has no payload codecs',
    scram: 'does not have the method',
};

// Progressive results are given to `notify`, which the platform's promises lack.
function deferred() {
    const deferred = {};
    deferred.promise = new Promise((resolve, reject) => Object.assign(deferred, { resolve, reject }));
    deferred.notify = (result) => deferred.promise.onProgress(result);
    return deferred;
}

// What a connection needs for that log-in.
function authentication({ authid, method, ticket, secret, seed, pubkey }) {
    const { auth_cra, auth_cryptosign, nacl } = autobahn;
    const key = seed && nacl.sign.keyPair.fromSeed(new Uint8Array(Buffer.from(seed, 'hex')));
    const answers = {
        ticket: () => ticket,
        wampcra: (extra) => {
            const { salt, iterations, keylen, challenge } = extra;
            return auth_cra.sign(salt ? auth_cra.derive_key(secret, salt, iterations, keylen) : secret, challenge);
        },
        cryptosign: (extra) => auth_cryptosign.sign_challenge(key, extra),
    };
    return {
        authid,
        authmethods: [method],
        authextra: { pubkey },
        onchallenge: (_session, method, extra) => answers[method](extra),
    };
}

async function join(url, serializer, realm, login) {
    const connection = new autobahn.Connection({
        realm,
        ...(login && authentication(login)),
        transports: [transport(url, serializer)],
        max_retries: 0,
        use_deferred: deferred,
        // Planned errors of our procedures are no news.
        on_user_error: () => {},
    });
    const closed = new Promise((resolve) => {
        connection.onclose = (reason, details) => resolve({ reason, details });
    });
    const opened = new Promise((resolve) => {
        connection.onopen = (session, details) => resolve({ session, details });
    });
    connection.open();
    const unwelcome = closed.then(({ reason, details }) => {
        throw new Error(`not welcome: ${reason} ${details.reason} ${details.message}`);
    });
    const { session, details } = await Promise.race([opened, unwelcome]);
    // Once we are in, the end of the connection is no rejection that somebody must handle.
    unwelcome.catch(() => {});
    return {
        id: session.id,
        authid: details.authid,
        authrole: details.authrole,
        async subscribe(topic, handler, options) {
            const deliver = (args, kwargs, event) => {
                const publisher = [event.publisher, event.publisher_authid, event.publisher_authrole];
                handler({ args, kwargs, uri: event.topic, publisher, isRetained: event.retained });
            };
            const subscription = await answered(session.subscribe(topic, deliver, options));
            return () => answered(subscription.unsubscribe());
        },
        async publish(topic, { args, kwargs }, options) {
            const acknowledged = { acknowledge: true, ...options };
            return (await answered(session.publish(topic, args, kwargs, acknowledged))).id;
        },
        async register(procedure, handler, options) {
            const endpoint = (args, kwargs, details) => {
                const caller = [details.caller, details.caller_authid, details.caller_authrole];
                const progress = (content) => details.progress(content.args, content.kwargs);
                return invoke(handler, { args, kwargs, uri: details.procedure, caller, progress });
            };
            const registration = await answered(session.register(procedure, endpoint, options));
            return () => answered(registration.unregister());
        },
        async call(procedure, { args, kwargs }, { onProgress, ...options } = {}) {
            if (onProgress) options.receive_progress = true;
            const call = session.call(procedure, args, kwargs, options);
            call.onProgress = (result) => onProgress(wrapped(result));
            return wrapped(await answered(call));
        },
        // With any other mode it does not wait for the router's answer.
        begin(procedure) {
            const call = session.call(procedure);
            return { answer: answered(call), cancel: () => call.cancel({ mode: 'kill' }) };
        },
        // Why it ended.
        ended: closed.then(({ details }) => details.reason),
        async leave() {
            connection.close();
            await closed;
        },
        // Without GOODBYE.
        drop() {
            connection._transport.close();
        },
    };
}

// It gives a lone positional result without its wrapper, and none as null.
function wrapped(result) {
    return result instanceof autobahn.Result ? result : { args: [result], kwargs: {} };
}

async function invoke(handler, invocation) {
    try {
        const { args, kwargs } = await handler(invocation);
        return new autobahn.Result(args, kwargs);
    } catch (error) {
        throw new autobahn.Error(error.uri, error.args, error.kwargs);
    }
}

async function answered(promise) {
    try {
        return await promise;
    } catch (error) {
        if (!(error instanceof autobahn.Error)) throw error;
        throw new WampError(error.error, error.args, error.kwargs);
    }
}

await run({ join, cannot: () => cannot });
