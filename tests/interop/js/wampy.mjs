// The sessions of wampy.js, as peer.mjs takes them.

import { Wampy } from 'wampy';
import * as cryptosign from 'wampy/cryptosign.js';
import { CborSerializer } from 'wampy/CborSerializer.js';
import { JsonSerializer } from 'wampy/JsonSerializer.js';
import { MsgpackSerializer } from 'wampy/MsgpackSerializer.js';
import * as wampcra from 'wampy/wampcra.js';
import WebSocket from 'ws';

import { run, WampError } from './peer.mjs';

const SERIALIZERS = { json: JsonSerializer, msgpack: MsgpackSerializer, cbor: CborSerializer };

const CANNOT = {
    own_events: 'leaves `exclude_me` out of PUBLISH when it is false',
    concurrency: 'has no `concurrency` among the options of `register`',
    progressive_results: 'does not announce them as callee, so that nobody asks it for any',
    interrupts: 'knows no INTERRUPT',
    progressive_invocations: 'calls so, and does not take such calls as a callee',
    transparent_payload: 'has no payload codecs',
    retained_events: 'leaves `retain` out of PUBLISH',
    scram: 'does not have the method',
};

function cannot(serializer) {
    if (serializer !== 'json') return CANNOT;
    return { ...CANNOT, packed_payload: 'writes octets in JSON as an object of numbers' };
}

// What wampy needs for that log-in.
function authentication({ authid, method, ticket, secret, seed, pubkey }) {
    return {
        authid,
        authmethods: [method],
        authextra: { pubkey },
        authMode: 'auto',
        authPlugins: {
            ticket: () => ticket,
            wampcra: secret && wampcra.sign(secret),
            cryptosign: seed && cryptosign.sign(seed),
        },
    };
}

async function join(url, serializer, realm, login) {
    let socket;
    class Socket extends WebSocket {
        constructor(...args) {
            super(...args);
            socket = this;
        }
    }
    let end;
    const ended = new Promise((resolve) => (end = resolve));
    const wampy = new Wampy(url, {
        realm,
        ws: Socket,
        serializer: new SERIALIZERS[serializer](),
        payloadSerializers: { cbor: new CborSerializer() },
        autoReconnect: false,
        onClose: () => end(),
        ...(login && authentication(login)),
    });
    const { authid, authrole } = await wampy.connect().catch((error) => {
        throw new Error(`not welcome: ${error.errorUri ?? error.message}`);
    });
    return {
        id: wampy.getSessionId(),
        authid,
        authrole,
        async subscribe(topic, handler, options) {
            const deliver = (event) => {
                const { topic, publisher, publisher_authid, publisher_authrole } = event.details;
                const disclosed = [publisher, publisher_authid, publisher_authrole];
                handler({ ...received(event), uri: topic, publisher: disclosed });
            };
            const { subscriptionKey } = await answered(wampy.subscribe(topic, deliver, options));
            return () => answered(wampy.unsubscribe(subscriptionKey));
        },
        async publish(topic, content, options) {
            return (await answered(wampy.publish(topic, sent(content), options))).publicationId;
        },
        async register(procedure, handler, options) {
            await answered(wampy.register(procedure, (invocation) => invoke(handler, invocation), options));
            return () => answered(wampy.unregister(procedure));
        },
        async call(procedure, content, options) {
            return received(await answered(wampy.call(procedure, sent(content), options)));
        },
        begin(procedure) {
            const answer = answered(wampy.call(procedure));
            const { reqId } = wampy.getOpStatus();
            return { answer, cancel: () => wampy.cancel(reqId, { mode: 'kill' }) };
        },
        ended,
        leave: () => wampy.disconnect(),
        // Without GOODBYE.
        drop: () => socket.terminate(),
    };
}

// An object without either key would be a positional argument, and an undefined one an extension of MessagePack.
function sent({ args, kwargs }) {
    return args || kwargs ? { argsList: args ?? [], argsDict: kwargs ?? {} } : undefined;
}

const received = ({ argsList, argsDict }) => ({ args: argsList, kwargs: argsDict });

async function invoke(handler, invocation) {
    try {
        const { procedure, caller, caller_authid, caller_authrole } = invocation.details;
        const disclosed = [caller, caller_authid, caller_authrole];
        const { options, ...content } = await handler({ ...received(invocation), uri: procedure, caller: disclosed });
        return options ? { ...sent(content), options } : sent(content);
    } catch (error) {
        throw { error: error.uri, details: {}, ...sent(error) };
    }
}

async function answered(promise) {
    try {
        return await promise;
    } catch (error) {
        if (!error.errorUri) throw error;
        throw new WampError(error.errorUri, error.argsList, error.argsDict);
    }
}

await run({ join, cannot });
