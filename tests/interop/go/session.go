package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"time"

	"github.com/gammazero/nexus/v3/client"
	"github.com/gammazero/nexus/v3/transport/serialize"
	"github.com/gammazero/nexus/v3/wamp"
)

const (
	deadline     = 20 * time.Second
	plannedError = wamp.URI("interop.error.planned")
)

var serializations = map[string]serialize.Serialization{
	"json":    serialize.JSON,
	"msgpack": serialize.MSGPACK,
	"cbor":    serialize.CBOR,
}

// Who logs in, and how.
type login struct {
	authid, method string
	extra          wamp.Dict
	answer         client.AuthFunc
}

func join(url, serializer, realm string) (*client.Client, error) {
	return joinWith(url, serializer, realm, nil)
}

func joinWith(url, serializer, realm string, login *login) (*client.Client, error) {
	config := client.Config{
		Realm:           realm,
		Serialization:   serializations[serializer],
		ResponseTimeout: deadline,
		Logger:          log.New(io.Discard, "", 0),
	}
	if login != nil {
		config.HelloDetails = wamp.Dict{"authid": login.authid, "authextra": login.extra}
		config.AuthHandlers = map[string]client.AuthFunc{login.method: login.answer}
	}
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "rs":
		url = "tcp:" + rest
	case "rss":
		url = "tcps:" + rest
	case "rs+unix":
		url = "unix://" + rest
	case "ws+unix":
		// The URL only fills the request line and `Host`.
		url = "ws://localhost/ws"
		config.WsCfg.Dial = func(string, string) (net.Conn, error) { return net.Dial("unix", rest) }
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return client.ConnectNet(ctx, url, config)
}

func call(session *client.Client, procedure string, content payload) (*wamp.Result, error) {
	return callWith(session, procedure, content, nil)
}

func callWith(
	session *client.Client, procedure string, content payload, options wamp.Dict,
) (*wamp.Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return session.Call(ctx, procedure, options, content.Args, content.Kwargs, nil)
}

// Acknowledged, so that it ends in a publication or an error.
func publish(session *client.Client, topic string, content payload, options wamp.Dict) error {
	acknowledged := wamp.Dict{"acknowledge": true}
	for key, value := range options {
		acknowledged[key] = value
	}
	return session.Publish(topic, acknowledged, content.Args, content.Kwargs)
}

// More room than there are events, also meta events about the sessions of other checks: nexus reads nothing while
// it waits for room.
func queueEvents(session *client.Client, topic string, options wamp.Dict) (chan *wamp.Event, error) {
	events := make(chan *wamp.Event, 4096)
	return events, session.SubscribeChan(topic, events, options)
}

func next(events chan *wamp.Event) (*wamp.Event, error) {
	select {
	case event := <-events:
		return event, nil
	case <-time.After(deadline):
		return nil, errors.New("no event")
	}
}

func expectNext(events chan *wamp.Event, wanted payload) error {
	event, err := next(events)
	if err != nil {
		return err
	}
	return expectPayload(event.Arguments, event.ArgumentsKw, wanted)
}

func expectCall(session *client.Client, procedure string, content, wanted payload) error {
	result, err := call(session, procedure, content)
	if err != nil {
		return err
	}
	return expectPayload(result.Arguments, result.ArgumentsKw, wanted)
}

func expectPlannedError(session *client.Client, procedure string) error {
	_, err := call(session, procedure, sent)
	if wrong := expectError(err, plannedError); wrong != nil {
		return wrong
	}
	var rpcError client.RPCError
	if !errors.As(err, &rpcError) {
		return fmt.Errorf("%T instead of an RPCError", err)
	}
	return expectPayload(rpcError.Err.Arguments, rpcError.Err.ArgumentsKw, planned)
}

// nexus gives the errors of everything but calls as text alone.
func expectError(err error, uri wamp.URI) error {
	if err == nil {
		return fmt.Errorf("no error instead of %s", uri)
	}
	var rpcError client.RPCError
	if errors.As(err, &rpcError) {
		return expect(string(rpcError.Err.Error), string(uri))
	}
	if !strings.Contains(err.Error(), ": "+string(uri)) {
		return fmt.Errorf("%q instead of %s", err, uri)
	}
	return nil
}

func echo(_ context.Context, invocation *wamp.Invocation) client.InvokeResult {
	return client.InvokeResult{Args: invocation.Arguments, Kwargs: invocation.ArgumentsKw}
}

func fail(_ context.Context, invocation *wamp.Invocation) client.InvokeResult {
	return client.InvokeResult{Err: plannedError, Args: invocation.Arguments, Kwargs: invocation.ArgumentsKw}
}

func say(words ...any) client.InvocationHandler {
	return func(context.Context, *wamp.Invocation) client.InvokeResult {
		return client.InvokeResult{Args: words}
	}
}
