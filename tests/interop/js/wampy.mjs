// The sessions of wampy.js, as peer.mjs takes them.

import { Wampy } from 'wampy';
import { CborSerializer } from 'wampy/CborSerializer.js';
import { JsonSerializer } from 'wampy/JsonSerializer.js';
import { MsgpackSerializer } from 'wampy/MsgpackSerializer.js';
import WebSocket from 'ws';

import { run, WampError } from './peer.mjs';

const SERIALIZERS = { json: JsonSerializer, msgpack: MsgpackSerializer, cbor: CborSerializer };

const cannot = {
    own_events: 'leaves `exclude_me` out of PUBLISH when it is false',
    concurrency: 'has no `concurrency` among the options of `register`',
};

async function join(url, serializer, realm) {
    const wampy = new Wampy(url, {
        realm,
        ws: WebSocket,
        serializer: new SERIALIZERS[serializer](),
        autoReconnect: false,
    });
    const { authid, authrole } = await wampy.connect();
    return {
        id: wampy.getSessionId(),
        authid,
        authrole,
        async subscribe(topic, handler, options) {
            const deliver = (event) => handler({ ...received(event), uri: event.details.topic });
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
        async call(procedure, content) {
            return received(await answered(wampy.call(procedure, sent(content))));
        },
        leave: () => wampy.disconnect(),
    };
}

// An object without either key would be a positional argument, and an undefined one an extension of MessagePack.
function sent({ args, kwargs }) {
    return args || kwargs ? { argsList: args ?? [], argsDict: kwargs ?? {} } : undefined;
}

const received = ({ argsList, argsDict }) => ({ args: argsList, kwargs: argsDict });

async function invoke(handler, invocation) {
    try {
        return sent(await handler({ ...received(invocation), uri: invocation.details.procedure }));
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
