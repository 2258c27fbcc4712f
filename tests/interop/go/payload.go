package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"

	"github.com/gammazero/nexus/v3/wamp"
	"github.com/ugorji/go/codec"
)

type payload struct {
	Args   wamp.List `json:"args"`
	Kwargs wamp.Dict `json:"kwargs"`
}

var (
	// What travels, as payload.json spells it.
	planned payload
	// What is sent. nexus leaves binary data in JSON to its user: there it is sent as the file spells it.
	sent payload
)

func readPayload(path, serializer string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	// Integers must stay integers.
	decoder.UseNumber()
	if err := decoder.Decode(&planned); err != nil {
		return err
	}
	planned = planned.mapped(plain)
	sent = planned
	if serializer != "json" {
		sent = planned.mapped(withBytes)
	}
	return nil
}

func words(values ...any) payload {
	return payload{Args: values}
}

func (p payload) mapped(leaf func(any) any) payload {
	return payload{mapped(p.Args, leaf).([]any), mapped(p.Kwargs, leaf).(map[string]any)}
}

func mapped(value any, leaf func(any) any) any {
	switch value := value.(type) {
	case wamp.List:
		return mapped([]any(value), leaf)
	case wamp.Dict:
		return mapped(map[string]any(value), leaf)
	case []any:
		list := make([]any, len(value))
		for index, item := range value {
			list[index] = mapped(item, leaf)
		}
		return list
	case map[string]any:
		dict := make(map[string]any, len(value))
		for key, item := range value {
			dict[key] = mapped(item, leaf)
		}
		return dict
	}
	return leaf(value)
}

func withBytes(value any) any {
	if text, ok := value.(string); ok && strings.HasPrefix(text, "\x00") {
		octets, err := base64.StdEncoding.DecodeString(text[1:])
		if err != nil {
			panic(err)
		}
		return octets
	}
	return value
}

// The value as the file spells it, whatever serializer brought it.
func plain(value any) any {
	switch value := value.(type) {
	case []byte:
		return "\x00" + base64.StdEncoding.EncodeToString(value)
	case codec.RawExt:
		// wampy.js writes octets in CBOR as a typed array of them.
		if octets, ok := value.Value.([]byte); ok && value.Tag == 64 {
			return plain(octets)
		}
	case *codec.RawExt:
		return plain(*value)
	case json.Number:
		if whole, err := value.Int64(); err == nil {
			return whole
		}
		fraction, err := value.Float64()
		if err != nil {
			panic(err)
		}
		return fraction
	case float64:
		// JavaScript has one kind of number, and wampy.js writes its long integers as floats.
		if math.Abs(value) > math.MaxUint32 && value == math.Trunc(value) {
			return int64(value)
		}
	case int:
		return int64(value)
	case uint64:
		return int64(value)
	}
	return value
}

func expect(found, wanted any) error {
	found, wanted = mapped(found, plain), mapped(wanted, plain)
	if !reflect.DeepEqual(found, wanted) {
		return fmt.Errorf("%#v instead of %#v", found, wanted)
	}
	return nil
}

func expectPayload(args wamp.List, kwargs wamp.Dict, wanted payload) error {
	if err := expect(args, wanted.Args); err != nil {
		return err
	}
	return expect(kwargs, wanted.Kwargs)
}
