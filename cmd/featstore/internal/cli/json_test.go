package cli

import (
	"encoding/json"
	"testing"
	"time"
)

func TestNamesThatAreNoTextInJSON(t *testing.T) {
	type inner struct {
		Paths []string `json:"paths"`
		Any   any      `json:"any"`
		own   string
	}
	type Base struct {
		Root string `json:"root"`
	}
	for _, c := range []struct {
		v    any
		want string
	}{
		{"plain ä \u2028", "\"plain ä \\u2028\""},
		{"a real \ufffd", "\"a real \ufffd\""},
		{"caf\xe9.jpg", `"caf\udce9.jpg"`},
		{"\xff\xfe\x80", `"\udcff\udcfe\udc80"`},
		{"\xe2\x82", `"\udce2\udc82"`},                          // the beginning of a character
		{"\xff\U0010FFFF", `"\udcff\udcf4\udc8f\udcbf\udcbf"`},  // a name that has our own marks
		{"\xff \\ufffd \ufffd", "\"\\udcff \\\\ufffd \ufffd\""}, // that looks like an escape, and a character as it is
		{&inner{[]string{"\xff", "b"}, "\xfe", "x"}, `{"paths":["\udcff","b"],"any":"\udcfe"}`},
		{inner{[]string{"\xff"}, nil, ""}, `{"paths":["\udcff"],"any":null}`},
		{inner{nil, json.RawMessage(`{"\udcff":1}`), ""}, `{"paths":null,"any":{"\udcff":1}}`},
		{map[string]any{"\xff": [1]string{"\xfe"}, "t": time.Unix(0, 0).UTC()}, `{"t":"1970-01-01T00:00:00Z","\udcff":["\udcfe"]}`},
		{struct {
			Base
			N int
		}{Base{"\xff"}, 7}, `{"root":"\udcff","N":7}`},
	} {
		got, err := marshal(c.v)
		if err != nil || string(got) != c.want {
			t.Errorf("%q: got %s, %v, want %s", c.v, got, err, c.want)
		}
		if !json.Valid(got) {
			t.Errorf("%s is no JSON", got)
		}
	}
}
