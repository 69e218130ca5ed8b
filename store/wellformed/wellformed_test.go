package wellformed_test

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"featstore/store/wellformed"
)

// What the encoder writes is well-formed, cut anywhere it is not.
func TestCheck(t *testing.T) {
	value := rapid.Custom(func(t *rapid.T) any {
		return rapid.OneOf(
			rapid.Int64().AsAny(), rapid.Uint64().AsAny(), rapid.Float32().AsAny(), rapid.Float64().AsAny(), rapid.Bool().AsAny(),
			rapid.String().AsAny(), rapid.SliceOfN(rapid.Byte(), 0, 300).AsAny(), rapid.SliceOfN(rapid.Int(), 0, 40).AsAny(),
			rapid.MapOfN(rapid.String(), rapid.SliceOf(rapid.Int()), 0, 20).AsAny(), rapid.Just(any(time.Unix(5, 6))),
		).Draw(t, "value")
	})
	rapid.Check(t, func(t *rapid.T) {
		b, err := msgpack.Marshal(rapid.SliceOf(value).Draw(t, "values"))
		if err != nil {
			t.Fatal(err)
		}
		if err := wellformed.Check(b); err != nil {
			t.Fatalf("% x: %v", b, err)
		}
		if cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut"); wellformed.Check(b[:cut]) == nil {
			t.Fatalf("% x cut to %d bytes passes", b, cut)
		}
	})
}

func TestLengthsAndNestingAreNotBelieved(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":    nil,
		"a string":   []byte("\xdb\x10\x86\xb0\xba\xd3"),
		"an array":   []byte("\xdd\x10\x86\xb0\xba\x06"),
		"a map":      []byte("\xdf\x10\x86\xb0\xba\x01\x02"),
		"deep":       append(bytes.Repeat([]byte{0x91}, 33), 1),
		"two values": {1, 2},
	} {
		if wellformed.Check(b) == nil {
			t.Errorf("%s: passes", name)
		}
	}
	if err := wellformed.Check(append(bytes.Repeat([]byte{0x91}, 32), 1)); err != nil {
		t.Errorf("32 arrays: %v", err)
	}
}

// What passes decodes in memory of its own size, and ends.
func FuzzCheck(f *testing.F) {
	f.Add([]byte("\x81\xa1a\x92\x01\xc0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 || wellformed.Check(b) != nil {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = msgpack.NewDecoder(bytes.NewReader(b)).DecodeInterface() // an unknown extension is an error
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
			t.Errorf("% x: decoded in %d bytes", b, n)
		}
	})
}
