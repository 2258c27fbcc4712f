package main

import (
	"context"
	"fmt"

	"github.com/gammazero/nexus/v3/client"
	"github.com/gammazero/nexus/v3/wamp"
)

// What a scenario without third parties works with.
type stage struct {
	alice, bob      *client.Client
	prefix          string
	url, serializer string
}

var alone = []struct {
	name     string
	scenario func(stage) error
}{
	{"events", events},
	{"publisher_exclusion", publisherExclusion},
	{"own_events", ownEvents},
	{"unsubscribe", unsubscribe},
	{"prefix_subscription", prefixSubscription},
	{"wildcard_subscription", wildcardSubscription},
	{"receiver_lists", receiverLists},
	{"calls", calls},
	{"application_errors", applicationErrors},
	{"unregister", unregister},
	{"second_registration", secondRegistration},
	{"prefix_registration", prefixRegistration},
	{"wildcard_registration", wildcardRegistration},
	{"roundrobin", roundrobin},
	{"concurrency", concurrency},
	{"denied_actions", deniedActions},
}

var withServed = []struct {
	name     string
	scenario func(session *client.Client, served, topic string) error
}{
	{"calls_served", callsServed},
	{"events_to_served", eventsToServed},
	{"events_from_served", eventsFromServed},
}

// The first error of steps that build upon each other.
func steps(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// Conformance: PUB-02, PUB-04
func events(on stage) error {
	received, err := queueEvents(on.bob, on.prefix, nil)
	if err != nil {
		return err
	}
	return steps(
		func() error { return publish(on.alice, on.prefix, sent, nil) },
		func() error { return expectNext(received, planned) },
	)
}

// Conformance: PUB-03
func publisherExclusion(on stage) error {
	received, err := queueEvents(on.alice, on.prefix, nil)
	if err != nil {
		return err
	}
	return steps(
		func() error { return publish(on.alice, on.prefix, words("excluded"), nil) },
		func() error { return publish(on.bob, on.prefix, words("included"), nil) },
		func() error { return expectNext(received, words("included")) },
	)
}

// Conformance: EXC-01
func ownEvents(on stage) error {
	received, err := queueEvents(on.alice, on.prefix, nil)
	if err != nil {
		return err
	}
	return steps(
		func() error { return publish(on.alice, on.prefix, words("included"), wamp.Dict{"exclude_me": false}) },
		func() error { return expectNext(received, words("included")) },
	)
}

// Conformance: SUB-04
func unsubscribe(on stage) error {
	received, err := queueEvents(on.bob, on.prefix, nil)
	if err != nil {
		return err
	}
	err = steps(
		func() error { return on.bob.Unsubscribe(on.prefix) },
		func() error { return publish(on.alice, on.prefix, words("missed"), nil) },
	)
	if err != nil {
		return err
	}
	receivedAgain, err := queueEvents(on.bob, on.prefix, nil)
	if err != nil {
		return err
	}
	return steps(
		func() error { return publish(on.alice, on.prefix, words("seen"), nil) },
		func() error { return expectNext(receivedAgain, words("seen")) },
		func() error { return expect(len(received), 0) },
	)
}

func subscribedPattern(on stage, pattern, match, passingBy, topic string) error {
	received, err := queueEvents(on.bob, pattern, wamp.Dict{"match": match})
	if err != nil {
		return err
	}
	err = steps(
		func() error { return publish(on.alice, passingBy, words("no match"), nil) },
		func() error { return publish(on.alice, topic, words("match"), nil) },
	)
	if err != nil {
		return err
	}
	event, err := next(received)
	if err != nil {
		return err
	}
	return expect(event.Details["topic"], topic)
}

// Conformance: PBS-01, PBS-02, PBS-05
func prefixSubscription(on stage) error {
	return subscribedPattern(on, on.prefix+".news", "prefix", on.prefix+".sports", on.prefix+".news.today")
}

// Conformance: PBS-01, PBS-03, PBS-05
func wildcardSubscription(on stage) error {
	passingBy, topic := on.prefix+".news.yesterday", on.prefix+".news.today"
	return subscribedPattern(on, on.prefix+"..today", "wildcard", passingBy, topic)
}

// Conformance: BWL-01, BWL-02
func receiverLists(on stage) error {
	received, err := queueEvents(on.bob, on.prefix, nil)
	if err != nil {
		return err
	}
	alice, bob := on.alice.RealmDetails(), on.bob.RealmDetails()
	for _, passingBy := range []wamp.Dict{
		{"exclude": wamp.List{on.bob.ID()}},
		{"exclude_authid": wamp.List{bob["authid"]}},
		{"exclude_authrole": wamp.List{bob["authrole"]}},
		{"eligible": wamp.List{on.alice.ID()}},
		{"eligible_authid": wamp.List{alice["authid"]}},
		{"eligible_authrole": wamp.List{"somebody"}},
	} {
		if err := publish(on.alice, on.prefix, words(fmt.Sprint(passingBy)), passingBy); err != nil {
			return err
		}
	}
	meant := wamp.Dict{
		"eligible":          wamp.List{on.bob.ID()},
		"eligible_authid":   wamp.List{bob["authid"]},
		"eligible_authrole": wamp.List{bob["authrole"]},
		"exclude":           wamp.List{on.alice.ID()},
	}
	return steps(
		func() error { return publish(on.alice, on.prefix, words("meant"), meant) },
		func() error { return expectNext(received, words("meant")) },
	)
}

// Conformance: RPC-04
func calls(on stage) error {
	return steps(
		func() error { return on.bob.Register(on.prefix, echo, nil) },
		func() error { return expectCall(on.alice, on.prefix, sent, planned) },
		func() error { return expectCall(on.alice, on.prefix, words("one"), words("one")) },
	)
}

// Conformance: RPC-05, ERR-06
func applicationErrors(on stage) error {
	return steps(
		func() error { return on.bob.Register(on.prefix, fail, nil) },
		func() error { return expectPlannedError(on.alice, on.prefix) },
	)
}

// Conformance: RPC-02, RPC-03
func unregister(on stage) error {
	err := steps(
		func() error { return on.bob.Register(on.prefix, echo, nil) },
		func() error { return expectCall(on.alice, on.prefix, words(1), words(1)) },
		func() error { return on.bob.Unregister(on.prefix) },
	)
	if err != nil {
		return err
	}
	_, err = call(on.alice, on.prefix, words(1))
	return expectError(err, "wamp.error.no_such_procedure")
}

// Conformance: RPC-01
func secondRegistration(on stage) error {
	if err := on.bob.Register(on.prefix, echo, nil); err != nil {
		return err
	}
	return expectError(on.alice.Register(on.prefix, echo, nil), "wamp.error.procedure_already_exists")
}

func registeredPattern(on stage, pattern, match, procedure string) error {
	nameProcedure := func(_ context.Context, invocation *wamp.Invocation) client.InvokeResult {
		return client.InvokeResult{Args: wamp.List{invocation.Details["procedure"]}}
	}
	return steps(
		func() error { return on.bob.Register(pattern, nameProcedure, wamp.Dict{"match": match}) },
		func() error { return expectCall(on.alice, procedure, payload{}, words(procedure)) },
	)
}

// Conformance: PBR-01, PBR-05
func prefixRegistration(on stage) error {
	return registeredPattern(on, on.prefix, "prefix", on.prefix+".any.procedure")
}

// Conformance: PBR-01, PBR-05
func wildcardRegistration(on stage) error {
	return registeredPattern(on, on.prefix+"..procedure", "wildcard", on.prefix+".any.procedure")
}

// Conformance: SHR-01, SHR-03
func roundrobin(on stage) error {
	options := wamp.Dict{"invoke": "roundrobin"}
	err := steps(
		func() error { return on.alice.Register(on.prefix, say("alice"), options) },
		func() error { return on.bob.Register(on.prefix, say("bob"), options) },
	)
	if err != nil {
		return err
	}
	for _, name := range []string{"alice", "bob", "alice", "bob"} {
		if err := expectCall(on.alice, on.prefix, payload{}, words(name)); err != nil {
			return err
		}
	}
	return nil
}

// Conformance: CON-01
func concurrency(on stage) error {
	begun, finish := make(chan struct{}), make(chan struct{})
	slow := func(context.Context, *wamp.Invocation) client.InvokeResult {
		close(begun)
		<-finish
		return client.InvokeResult{Args: wamp.List{"finished"}}
	}
	if err := on.bob.Register(on.prefix, slow, wamp.Dict{"concurrency": 1}); err != nil {
		return err
	}
	first := make(chan error, 1)
	go func() { first <- expectCall(on.alice, on.prefix, payload{}, words("finished")) }()
	select {
	case <-begun:
	case err := <-first:
		return fmt.Errorf("the first call ended too early: %w", err)
	}
	_, second := call(on.alice, on.prefix, payload{})
	close(finish)
	return steps(
		func() error { return expectError(second, "trunkline.error.max_concurrency_reached") },
		func() error { return <-first },
	)
}

// Conformance: AUTHZ-02
func deniedActions(on stage) error {
	session, err := join(on.url, on.serializer, "restricted")
	if err != nil {
		return err
	}
	_, called := call(session, on.prefix, payload{})
	ignore := func(*wamp.Event) {}
	for _, denied := range []error{
		called,
		session.Register(on.prefix, echo, nil),
		session.Subscribe(on.prefix, ignore, nil),
		publish(session, on.prefix, payload{}, nil),
	} {
		if err := expectError(denied, "wamp.error.not_authorized"); err != nil {
			return err
		}
	}
	if err := session.Subscribe("interop.allowed", ignore, nil); err != nil {
		return err
	}
	return session.Close()
}

// Conformance: SER-01, SER-06
func callsServed(session *client.Client, served, _ string) error {
	return steps(
		func() error { return expectCall(session, served+".echo", sent, planned) },
		func() error { return expectPlannedError(session, served+".fail") },
	)
}

// Conformance: SER-01, SER-06
func eventsToServed(session *client.Client, served, topic string) error {
	if _, err := call(session, served+".watch", words(topic)); err != nil {
		return err
	}
	return steps(
		func() error { return publish(session, topic, sent, nil) },
		func() error { return expectCall(session, served+".received", words(topic), planned) },
	)
}

// Conformance: SER-01, SER-06
func eventsFromServed(session *client.Client, served, topic string) error {
	received, err := queueEvents(session, topic, nil)
	if err != nil {
		return err
	}
	if _, err := call(session, served+".emit", words(topic)); err != nil {
		return err
	}
	return expectNext(received, planned)
}
