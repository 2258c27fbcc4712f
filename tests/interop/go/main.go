// One nexus peer; ../README.md says what its modes do.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gammazero/nexus/v3/client"
	"github.com/gammazero/nexus/v3/wamp"
)

func report(name string, scenario func() error) {
	done := make(chan error, 1)
	go func() { done <- scenario() }()
	var err error
	select {
	case err = <-done:
	case <-time.After(deadline):
		err = fmt.Errorf("not done within %s", deadline)
	}
	if err != nil {
		fmt.Printf("failed %s: %s\n", name, strings.Join(strings.Fields(err.Error()), " "))
		return
	}
	fmt.Println("ok", name)
}

func check(url, serializer, prefix string, allServed []string) error {
	alice, err := join(url, serializer, "realm1")
	if err != nil {
		return err
	}
	bob, err := join(url, serializer, "realm1")
	if err != nil {
		return err
	}
	excused := cannot(serializer)
	for name, why := range excused {
		fmt.Printf("cannot %s: %s\n", name, why)
	}
	for _, entry := range alone {
		if _, is := excused[entry.name]; is {
			continue
		}
		scenario, on := entry.scenario, stage{alice, bob, prefix + "." + entry.name, url, serializer}
		report(entry.name, func() error { return scenario(on) })
	}
	for _, served := range allServed {
		for _, entry := range withServed {
			scenario, served := entry.scenario, served
			topic := strings.Join([]string{prefix, entry.name, served}, ".")
			report(entry.name+" by "+served, func() error { return scenario(alice, served, topic) })
		}
	}
	if err := steps(alice.Close, bob.Close); err != nil {
		return err
	}
	fmt.Println("done")
	return nil
}

func serve(url, serializer, prefix string) error {
	session, err := join(url, serializer, "realm1")
	if err != nil {
		return err
	}
	var inboxes sync.Map
	watch := func(topic string) (payload, error) {
		events, err := queueEvents(session, topic, nil)
		inboxes.Store(topic, events)
		return payload{}, err
	}
	received := func(topic string) (payload, error) {
		inbox, watched := inboxes.LoadAndDelete(topic)
		if !watched {
			return payload{}, errors.New("nobody watches " + topic)
		}
		event, err := next(inbox.(chan *wamp.Event))
		if err != nil {
			return payload{}, err
		}
		return payload{event.Arguments, event.ArgumentsKw}, nil
	}
	emit := func(topic string) (payload, error) {
		return payload{}, publish(session, topic, sent, nil)
	}
	for name, procedure := range map[string]client.InvocationHandler{
		"echo":     echo,
		"fail":     fail,
		"watch":    ofTopic(watch),
		"received": ofTopic(received),
		"emit":     ofTopic(emit),
	} {
		if err := session.Register(prefix+"."+name, procedure, nil); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return session.Close()
}

// A procedure whose only argument is a topic.
func ofTopic(procedure func(topic string) (payload, error)) client.InvocationHandler {
	return func(_ context.Context, invocation *wamp.Invocation) client.InvokeResult {
		topic, _ := wamp.AsString(invocation.Arguments[0])
		content, err := procedure(topic)
		if err != nil {
			return client.InvokeResult{Err: "interop.error.unplanned", Args: wamp.List{err.Error()}}
		}
		return client.InvokeResult{Args: content.Args, Kwargs: content.Kwargs}
	}
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 6 {
		log.Fatal("usage: peer PAYLOAD serve|check URL SERIALIZER PREFIX [SERVED...]")
	}
	mode, url, serializer, prefix, served := os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6:]
	if err := readPayload(os.Args[1], serializer); err != nil {
		log.Fatal(err)
	}
	var err error
	switch mode {
	case "serve":
		err = serve(url, serializer, prefix)
	case "check":
		err = check(url, serializer, prefix, served)
	default:
		err = fmt.Errorf("no mode is called %s", mode)
	}
	if err != nil {
		log.Fatal(err)
	}
}
