package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/gammazero/nexus/v3/wamp"
	"github.com/gammazero/nexus/v3/wamp/crsign"
)

// Of the sample configuration.
const (
	seed   = "062af47aae54871a1150a2a1ac6287f61399b1a952c22011aa3ed229b8e15e68"
	pubkey = "4d009094773be72533e7c933d230bc5fa60fe47a743d4667c6b4c4d6eb917877"
)

// Conformance: AUTH-TKT-01
func ticket(on stage) error {
	answer := func(ticket string) func(*wamp.Challenge) (string, wamp.Dict) {
		return func(*wamp.Challenge) (string, wamp.Dict) { return ticket, wamp.Dict{} }
	}
	return logIn(
		on,
		login{authid: "joe", method: "ticket", answer: answer("joe-ticket")},
		login{authid: "joe", method: "ticket", answer: answer("wrong")},
	)
}

// Conformance: AUTH-CRA-01
func wampcra(on stage) error {
	return logInByCRA(on, "jane", "jane-secret")
}

// Conformance: AUTH-CRA-04
func saltedWampcra(on stage) error {
	return logInByCRA(on, "jim", "secret123")
}

func logInByCRA(on stage, authid, secret string) error {
	answer := func(secret string) func(*wamp.Challenge) (string, wamp.Dict) {
		return func(challenge *wamp.Challenge) (string, wamp.Dict) {
			return crsign.RespondChallenge(secret, challenge, nil), wamp.Dict{}
		}
	}
	return logIn(
		on,
		login{authid: authid, method: "wampcra", answer: answer(secret)},
		login{authid: authid, method: "wampcra", answer: answer("wrong")},
	)
}

// Conformance: AUTH-CS-01
func cryptosign(on stage) error {
	answer := func(seed string) func(*wamp.Challenge) (string, wamp.Dict) {
		return func(challenge *wamp.Challenge) (string, wamp.Dict) {
			octets, _ := hex.DecodeString(seed)
			text, _ := wamp.AsString(challenge.Extra["challenge"])
			message, _ := hex.DecodeString(text)
			signature := ed25519.Sign(ed25519.NewKeyFromSeed(octets), message)
			return hex.EncodeToString(signature) + text, wamp.Dict{}
		}
	}
	extra := wamp.Dict{"pubkey": pubkey}
	return logIn(
		on,
		login{authid: "jack", method: "cryptosign", extra: extra, answer: answer(seed)},
		login{authid: "jack", method: "cryptosign", extra: extra, answer: answer(strings.Repeat("11", 32))},
	)
}

// Logs in by that credential, and fails to with another.
func logIn(on stage, right, wrong login) error {
	session, err := joinWith(on.url, on.serializer, "logins", &right)
	if err != nil {
		return err
	}
	details := session.RealmDetails()
	authid, _ := wamp.AsString(details["authid"])
	session.Close()
	if err := expect(authid, right.authid); err != nil {
		return err
	}
	session, err = joinWith(on.url, on.serializer, "logins", &wrong)
	if err == nil {
		session.Close()
		return errors.New("welcome with a wrong credential")
	}
	// nexus shows the message of the ABORT alone.
	return expect(err.Error(), "authentication failed")
}
