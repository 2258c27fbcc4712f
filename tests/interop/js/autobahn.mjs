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

async function join(url, serializer, realm) {
    const connection = new autobahn.Connection({
        realm,
        transports: [transport(url, serializer)],
        max_retries: 0,
        use_es6_promises: true,
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
            const deliver = (args, kwargs, event) => handler({ args, kwargs, uri: event.topic });
            const subscription = await answered(session.subscribe(topic, deliver, options));
            return () => answered(subscription.unsubscribe());
        },
        async publish(topic, { args, kwargs }, options) {
            const acknowledged = { acknowledge: true, ...options };
            return (await answered(session.publish(topic, args, kwargs, acknowledged))).id;
        },
        async register(procedure, handler, options) {
            const endpoint = (args, kwargs, details) => invoke(handler, { args, kwargs, uri: details.procedure });
            const registration = await answered(session.register(procedure, endpoint, options));
            return () => answered(registration.unregister());
        },
        async call(procedure, { args, kwargs }) {
            const result = await answered(session.call(procedure, args, kwargs));
            // It gives a lone positional result without its wrapper, and none as null.
            return result instanceof autobahn.Result ? result : { args: [result], kwargs: {} };
        },
        async leave() {
            connection.close();
            await closed;
        },
    };
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

await run({ join, cannot: {} });
