package main

import (
	"context"
	"errors"
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
	{"progressive_results", progressiveResults},
	{"canceling", canceling},
	{"interrupts", interrupts},
	{"timeouts", timeouts},
	{"progressive_invocations", progressiveInvocations},
	{"disclosure_on_request", disclosureOnRequest},
	{"disclosure_by_configuration", disclosureByConfiguration},
	{"packed_payload", packedPayload},
	{"session_meta", sessionMeta},
	{"session_kill", sessionKill},
	{"registration_meta", registrationMeta},
	{"subscription_meta", subscriptionMeta},
	{"testaments", testaments},
	{"retained_events", retainedEvents},
	{"event_history", eventHistory},
	{"ticket", ticket},
	{"wampcra", wampcra},
	{"salted_wampcra", saltedWampcra},
	{"cryptosign", cryptosign},
}

// What nexus has no means for in a serializer, and why.
func cannot(serializer string) map[string]string {
	reasons := map[string]string{
		"transparent_payload": "has no payload codecs",
		"scram":               "does not have the method",
	}
	if serializer == "json" {
		reasons["packed_payload"] = "writes octets in JSON without the mark that makes them octets"
	}
	return reasons
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

// Conformance: PCR-01, PCR-02, PCR-03
func progressiveResults(on stage) error {
	report := func(ctx context.Context, _ *wamp.Invocation) client.InvokeResult {
		for _, content := range []payload{sent, words(2)} {
			if err := on.bob.SendProgress(ctx, content.Args, content.Kwargs); err != nil {
				return client.InvokeResult{Err: plannedError, Args: wamp.List{err.Error()}}
			}
		}
		return client.InvokeResult{Args: wamp.List{"final"}}
	}
	if err := on.bob.Register(on.prefix, report, nil); err != nil {
		return err
	}
	// nexus returns from Call when all of these are done.
	var progress []*wamp.Result
	take := func(result *wamp.Result) { progress = append(progress, result) }
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	final, err := on.alice.Call(ctx, on.prefix, nil, nil, nil, take)
	if err != nil {
		return err
	}
	if len(progress) != 2 {
		return fmt.Errorf("%d progressive results", len(progress))
	}
	return steps(
		func() error { return expectPayload(progress[0].Arguments, progress[0].ArgumentsKw, planned) },
		func() error { return expectPayload(progress[1].Arguments, progress[1].ArgumentsKw, words(2)) },
		func() error { return expectPayload(final.Arguments, final.ArgumentsKw, words("final")) },
	)
}

// Alice cancels a call that Bob ends when he is interrupted only.
func canceled(on stage, mode string) error {
	begun, interrupted := make(chan struct{}), make(chan struct{})
	endless := func(ctx context.Context, _ *wamp.Invocation) client.InvokeResult {
		close(begun)
		<-ctx.Done()
		close(interrupted)
		return client.InvocationCanceled
	}
	procedure := on.prefix + "." + mode
	err := steps(
		func() error { return on.bob.Register(procedure, endless, nil) },
		func() error { return on.alice.SetCallCancelMode(mode) },
	)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-begun
		cancel()
	}()
	_, err = on.alice.Call(ctx, procedure, nil, nil, nil, nil)
	<-interrupted
	// nexus waits for the router's ERROR, and gives the context's instead.
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%v instead of %v", err, context.Canceled)
	}
	return nil
}

// Conformance: CAN-01, CAN-03
func canceling(on stage) error {
	return canceled(on, "kill")
}

// Conformance: CAN-04
func interrupts(on stage) error {
	return canceled(on, "killnowait")
}

// Conformance: TMO-01, TMO-02
func timeouts(on stage) error {
	interrupted := make(chan struct{})
	endless := func(ctx context.Context, _ *wamp.Invocation) client.InvokeResult {
		<-ctx.Done()
		close(interrupted)
		return client.InvocationCanceled
	}
	if err := on.bob.Register(on.prefix, endless, nil); err != nil {
		return err
	}
	_, err := callWith(on.alice, on.prefix, payload{}, wamp.Dict{"timeout": 30})
	if wrong := expectError(err, "wamp.error.timeout"); wrong != nil {
		return wrong
	}
	<-interrupted
	return nil
}

// Conformance: PCI-01, PCI-02
func progressiveInvocations(on stage) error {
	var sum int64
	add := func(_ context.Context, chunk *wamp.Invocation) client.InvokeResult {
		number, _ := wamp.AsInt64(chunk.Arguments[0])
		sum += number
		if more, _ := chunk.Details["progress"].(bool); more {
			return client.InvokeResult{Err: wamp.InternalProgressiveOmitResult}
		}
		return client.InvokeResult{Args: wamp.List{sum}}
	}
	if err := on.bob.Register(on.prefix, add, nil); err != nil {
		return err
	}
	number := 0
	nextChunk := func(context.Context) (wamp.Dict, wamp.List, wamp.Dict, error) {
		number++
		return wamp.Dict{"progress": number < 4}, wamp.List{number}, nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	result, err := on.alice.CallProgressive(ctx, on.prefix, nextChunk, nil)
	if err != nil {
		return err
	}
	return expectPayload(result.Arguments, result.ArgumentsKw, words(10))
}

func expectDisclosure(on stage, uri string, options wamp.Dict) error {
	details := on.alice.RealmDetails()
	wanted := words(int64(on.alice.ID()), details["authid"], details["authrole"])
	whoami := func(_ context.Context, invocation *wamp.Invocation) client.InvokeResult {
		found := invocation.Details
		return client.InvokeResult{
			Args: wamp.List{found["caller"], found["caller_authid"], found["caller_authrole"]},
		}
	}
	if err := on.bob.Register(uri, whoami, nil); err != nil {
		return err
	}
	result, err := callWith(on.alice, uri, payload{}, options)
	if err != nil {
		return err
	}
	received, err := queueEvents(on.bob, uri, nil)
	if err != nil {
		return err
	}
	err = steps(
		func() error { return expectPayload(result.Arguments, result.ArgumentsKw, wanted) },
		func() error { return publish(on.alice, uri, payload{}, options) },
	)
	if err != nil {
		return err
	}
	event, err := next(received)
	if err != nil {
		return err
	}
	found := event.Details
	return expect(
		wamp.List{found["publisher"], found["publisher_authid"], found["publisher_authrole"]}, wanted.Args)
}

// Conformance: CID-01, PID-01
func disclosureOnRequest(on stage) error {
	return expectDisclosure(on, on.prefix, wamp.Dict{"disclose_me": true})
}

// Conformance: CID-03, PID-03
func disclosureByConfiguration(on stage) error {
	return expectDisclosure(on, "interop.disclosed."+on.prefix, wamp.Dict{})
}

// Conformance: PPT-01, PPT-02, PPT-04
func packedPayload(on stage) error {
	packing := func() wamp.Dict { return wamp.Dict{"ppt_scheme": "x_interop", "ppt_serializer": "cbor"} }
	pack := func(_ context.Context, invocation *wamp.Invocation) client.InvokeResult {
		return client.InvokeResult{
			Args: invocation.Arguments, Kwargs: invocation.ArgumentsKw, Options: packing(),
		}
	}
	for _, serializer := range []string{"msgpack", "cbor"} {
		uri := on.prefix + "." + serializer
		carol, err := join(on.url, serializer, "realm1")
		if err != nil {
			return err
		}
		if err := carol.Register(uri, pack, nil); err != nil {
			return err
		}
		result, err := callWith(on.alice, uri, sent, packing())
		if err != nil {
			return err
		}
		received, err := queueEvents(carol, uri, nil)
		if err != nil {
			return err
		}
		err = steps(
			func() error { return expectPayload(result.Arguments, result.ArgumentsKw, planned) },
			func() error { return publish(on.alice, uri, sent, packing()) },
			func() error { return expectNext(received, planned) },
			carol.Close,
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// The first result of a meta procedure, in plain types.
func meta(session *client.Client, procedure string, args ...any) (any, error) {
	result, err := call(session, procedure, words(args...))
	if err != nil || len(result.Arguments) == 0 {
		return nil, err
	}
	return mapped(result.Arguments[0], plain), nil
}

func expectMeta(session *client.Client, wanted any, procedure string, args ...any) error {
	found, err := meta(session, procedure, args...)
	if err != nil {
		return err
	}
	return expect(found, wanted)
}

// As a meta event showed them, and with keys of its own, perhaps.
func expectDetails(session *client.Client, wanted map[string]any, procedure string, id any) error {
	found, err := meta(session, procedure, id)
	if err != nil {
		return err
	}
	details, _ := found.(map[string]any)
	for key, value := range wanted {
		if err := expect(details[key], value); err != nil {
			return err
		}
	}
	return nil
}

// The arguments of the next event that is about the right thing; other sessions come and go meanwhile.
func nextAbout(events chan *wamp.Event, isMeant func(args []any) bool) ([]any, error) {
	for {
		event, err := next(events)
		if err != nil {
			return nil, err
		}
		if args := mapped(event.Arguments, plain).([]any); isMeant(args) {
			return args, nil
		}
	}
}

func contains(list any, value any) bool {
	items, _ := list.([]any)
	for _, item := range items {
		if item == value {
			return true
		}
	}
	return false
}

// Conformance: META-SES-01, META-SES-02, META-SES-03, META-SES-04
func sessionMeta(on stage) error {
	joined, err := queueEvents(on.alice, "wamp.session.on_join", nil)
	if err != nil {
		return err
	}
	left, err := queueEvents(on.alice, "wamp.session.on_leave", nil)
	if err != nil {
		return err
	}
	carol, err := join(on.url, on.serializer, "realm1")
	if err != nil {
		return err
	}
	id, authid, authrole := int64(carol.ID()), carol.RealmDetails()["authid"], carol.RealmDetails()["authrole"]
	about, err := nextAbout(joined, func(args []any) bool { return args[0].(map[string]any)["session"] == id })
	if err != nil {
		return err
	}
	details := about[0].(map[string]any)
	count, err := meta(on.alice, "wamp.session.count")
	if err != nil {
		return err
	}
	listed, err := meta(on.alice, "wamp.session.list", wamp.List{authrole})
	if err != nil {
		return err
	}
	if number, _ := count.(int64); number < 3 || !contains(listed, id) {
		return fmt.Errorf("%v sessions: %v", count, listed)
	}
	err = steps(
		func() error { return expect(details["authid"], authid) },
		func() error { return expectMeta(on.alice, details, "wamp.session.get", id) },
		carol.Close,
	)
	if err != nil {
		return err
	}
	about, err = nextAbout(left, func(args []any) bool { return args[0] == id })
	if err != nil {
		return err
	}
	_, unknown := meta(on.alice, "wamp.session.get", id)
	return steps(
		func() error { return expect(about, []any{id, authid, authrole}) },
		func() error { return expectError(unknown, "wamp.error.no_such_session") },
		func() error { return on.alice.Unsubscribe("wamp.session.on_join") },
		func() error { return on.alice.Unsubscribe("wamp.session.on_leave") },
	)
}

// Conformance: META-SES-02, META-SES-05
func sessionKill(on stage) error {
	left, err := queueEvents(on.alice, "wamp.session.on_leave", nil)
	if err != nil {
		return err
	}
	carol, err := join(on.url, on.serializer, "realm1")
	if err != nil {
		return err
	}
	id := int64(carol.ID())
	kwargs := wamp.Dict{"reason": "interop.close.planned", "message": "as planned"}
	if _, err := call(on.alice, "wamp.session.kill", payload{wamp.List{id}, kwargs}); err != nil {
		return err
	}
	<-carol.Done()
	if _, err = nextAbout(left, func(args []any) bool { return args[0] == id }); err != nil {
		return err
	}
	goodbye := carol.RouterGoodbye()
	return steps(
		func() error { return expect(string(goodbye.Reason), "interop.close.planned") },
		func() error { return expect(goodbye.Details["message"], "as planned") },
		func() error { return on.alice.Unsubscribe("wamp.session.on_leave") },
	)
}

// Registrations or subscriptions, and how the meta API speaks of them.
type kind struct{ name, verb, members string }

// Through the life of what Bob makes with `begin` and gives up with `end`.
func expectLife(on stage, kind kind, begin, end func() error, more func(id any, details map[string]any) error) error {
	procedure := func(name string) string { return "wamp." + kind.name + "." + name }
	names := []string{"on_create", "on_" + kind.verb, "on_un" + kind.verb, "on_delete"}
	queues := make([]chan *wamp.Event, len(names))
	for index, name := range names {
		var err error
		if queues[index], err = queueEvents(on.alice, procedure(name), nil); err != nil {
			return err
		}
	}
	if err := begin(); err != nil {
		return err
	}
	ofBob := int64(on.bob.ID())
	created, err := nextAbout(queues[0], func(args []any) bool {
		return args[1].(map[string]any)["uri"] == on.prefix
	})
	if err != nil {
		return err
	}
	details := created[1].(map[string]any)
	id := details["id"]
	happens := func(index int) func() error {
		return func() error {
			_, err := nextAbout(queues[index], func(args []any) bool { return args[0] == ofBob && args[1] == id })
			return err
		}
	}
	listed, err := meta(on.alice, procedure("list"))
	if err != nil {
		return err
	}
	if !contains(listed.(map[string]any)["exact"], id) {
		return fmt.Errorf("%v is not in %v", id, listed)
	}
	err = steps(
		happens(1),
		func() error { return expect(created[0], ofBob) },
		func() error { return expect(details["match"], "exact") },
		func() error { return expectMeta(on.alice, id, procedure("lookup"), on.prefix) },
		func() error {
			return expectMeta(on.alice, nil, procedure("lookup"), on.prefix, wamp.Dict{"match": "prefix"})
		},
		func() error { return expectDetails(on.alice, details, procedure("get"), id) },
		func() error { return expectMeta(on.alice, []any{ofBob}, procedure("list_"+kind.members), id) },
		func() error { return expectMeta(on.alice, int64(1), procedure("count_"+kind.members), id) },
		func() error { return more(id, details) },
		end,
		happens(2),
		happens(3),
		func() error { return expectMeta(on.alice, nil, procedure("lookup"), on.prefix) },
	)
	for _, name := range names {
		err = errors.Join(err, on.alice.Unsubscribe(procedure(name)))
	}
	if err != nil {
		return err
	}
	_, unknown := meta(on.alice, procedure("get"), id)
	return expectError(unknown, wamp.URI("wamp.error.no_such_"+kind.name))
}

// Conformance: META-REG-01, META-REG-03, META-REG-04, META-REG-05, META-REG-06
func registrationMeta(on stage) error {
	return expectLife(on, kind{"registration", "register", "callees"},
		func() error { return on.bob.Register(on.prefix, echo, wamp.Dict{"invoke": "roundrobin"}) },
		func() error { return on.bob.Unregister(on.prefix) },
		func(id any, details map[string]any) error {
			if err := expect(details["invoke"], "roundrobin"); err != nil {
				return err
			}
			return expectMeta(on.alice, id, "wamp.registration.match", on.prefix)
		},
	)
}

// Conformance: META-SUB-01, META-SUB-03, META-SUB-04
func subscriptionMeta(on stage) error {
	return expectLife(on, kind{"subscription", "subscribe", "subscribers"},
		func() error { return on.bob.Subscribe(on.prefix, func(*wamp.Event) {}, nil) },
		func() error { return on.bob.Unsubscribe(on.prefix) },
		func(id any, _ map[string]any) error {
			return expectMeta(on.alice, []any{id}, "wamp.subscription.match", on.prefix)
		},
	)
}

// nexus cannot leave without GOODBYE.
//
// Conformance: TST-01, TST-02, TST-04
func testaments(on stage) error {
	received, err := queueEvents(on.bob, on.prefix, nil)
	if err != nil {
		return err
	}
	carol, err := join(on.url, on.serializer, "realm1")
	if err != nil {
		return err
	}
	for _, step := range []struct {
		procedure string
		args      payload
	}{
		{"add_testament", words(on.prefix, wamp.List{"flushed"}, wamp.Dict{})},
		{"flush_testaments", payload{}},
		{"add_testament", words(on.prefix, sent.Args, sent.Kwargs)},
	} {
		if _, err := call(carol, "wamp.session."+step.procedure, step.args); err != nil {
			return err
		}
	}
	return steps(carol.Close, func() error { return expectNext(received, planned) })
}

// Conformance: RET-01, RET-02, RET-04
func retainedEvents(on stage) error {
	if err := publish(on.alice, on.prefix, sent, wamp.Dict{"retain": true}); err != nil {
		return err
	}
	// nexus drops an EVENT right behind SUBSCRIBED, when its handler is not there yet: so it subscribes twice.
	received, err := queueEvents(on.bob, on.prefix, nil)
	if err != nil {
		return err
	}
	if err := on.bob.SubscribeChan(on.prefix, received, wamp.Dict{"get_retained": true}); err != nil {
		return err
	}
	retained, err := next(received)
	if err != nil {
		return err
	}
	if err := publish(on.alice, on.prefix, words("live"), wamp.Dict{"retain": true}); err != nil {
		return err
	}
	live, err := next(received)
	if err != nil {
		return err
	}
	return steps(
		func() error { return expectPayload(retained.Arguments, retained.ArgumentsKw, planned) },
		func() error { return expect(retained.Details["retained"], true) },
		func() error { return expectPayload(live.Arguments, live.ArgumentsKw, words("live")) },
		func() error { return expect(live.Details["retained"], nil) },
	)
}

// Conformance: HIS-01, HIS-04, HIS-09
func eventHistory(on stage) error {
	topic := "interop.history." + on.prefix
	err := steps(
		func() error { return publish(on.alice, topic, sent, nil) },
		func() error { return publish(on.alice, topic, words("second"), nil) },
	)
	if err != nil {
		return err
	}
	id, err := meta(on.alice, "wamp.subscription.lookup", "interop.history.", wamp.Dict{"match": "prefix"})
	if err != nil {
		return err
	}
	query := wamp.Dict{"topic": topic, "reverse": true, "limit": 2}
	result, err := call(on.alice, "wamp.subscription.get_events", payload{wamp.List{id}, query})
	if err != nil {
		return err
	}
	if len(result.Arguments) != 2 {
		return fmt.Errorf("%d events", len(result.Arguments))
	}
	first := mapped(result.Arguments[1], plain).(map[string]any)
	second := mapped(result.Arguments[0], plain).(map[string]any)
	return steps(
		func() error { return expect(second["args"], []any{"second"}) },
		func() error { return expect(first["args"], planned.Args) },
		func() error { return expect(first["kwargs"], planned.Kwargs) },
	)
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
