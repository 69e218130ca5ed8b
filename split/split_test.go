package split

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func drawDigest(t *rapid.T) Digest {
	return SumBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
}

// These assignments are part of the store's format: were one to change, images
// would wander from testing into training.
func TestAssignIsFrozen(t *testing.T) {
	got := ""
	for i := range 60 {
		got += fmt.Sprint(uint8(DefaultPolicy().Assign(SumBytes(fmt.Append(nil, i)))))
	}
	const want = "001000000002000010000000020000120000100100100000000011000200" // computed with Python's hashlib
	if got != want {
		t.Errorf("assignments changed:\n got %s\nwant %s", got, want)
	}
}

func TestAssignKeepsShares(t *testing.T) {
	const n = 20000
	for _, p := range []Policy{DefaultPolicy(), {Validation: 10, Testing: 10, Salt: "b"}, {Validation: 25, Testing: 5}, {Testing: 30}, {}} {
		var count [3]float64
		for i := range n {
			count[p.Assign(SumBytes(fmt.Append(nil, "image", i)))]++
		}
		shares := [3]float64{100 - p.Validation - p.Testing, p.Validation, p.Testing}
		for s, share := range shares {
			mean := n * share / 100
			if sigma := math.Sqrt(mean * (1 - share/100)); math.Abs(count[s]-mean) > 4*sigma+1e-9 {
				t.Errorf("%+v: %v has %v of %d images, want %.0f ± %.0f", p, Split(s), count[s], n, mean, sigma)
			}
		}
	}
}

// Growing a share only takes images from training: validation images stay where
// they are when the testing share changes.
func TestAssignIsMonotonic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDigest(t)
		p := Policy{Validation: rapid.Float64Range(0, 45).Draw(t, "validation"), Testing: rapid.Float64Range(0, 45).Draw(t, "testing"),
			Salt: rapid.String().Draw(t, "salt")}
		q := p
		q.Testing += rapid.Float64Range(0, 9).Draw(t, "more")
		if a, b := p.Assign(d), q.Assign(d); a != Training && a != b {
			t.Fatalf("%v moved from %v to %v when testing grew from %g to %g", d, a, b, p.Testing, q.Testing)
		}
	})
}

func TestSaltsDrawIndependently(t *testing.T) {
	const n = 20000
	both := 0
	p, q := DefaultPolicy(), DefaultPolicy()
	q.Salt = "other"
	for i := range n {
		if d := SumBytes(fmt.Append(nil, i)); p.Assign(d) == Testing && q.Assign(d) == Testing {
			both++
		}
	}
	if mean := n * 0.01; math.Abs(float64(both)-mean) > 4*math.Sqrt(mean) {
		t.Errorf("%d of %d images test under both salts, want about %.0f", both, n, mean)
	}
}

func TestPolicyValidate(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		p    Policy
		want string
	}{
		{DefaultPolicy(), ""}, {Policy{}, ""}, {Policy{Validation: 50, Testing: 49}, ""},
		{Policy{Validation: -1}, "negative"}, {Policy{Testing: nan}, "negative"}, {Policy{Validation: nan}, "negative"},
		{Policy{Validation: 50, Testing: 50}, "nothing to train on"}, {Policy{Testing: math.Inf(1)}, "nothing to train on"},
	} {
		err := c.p.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.p, err, c.want)
		}
	}
}

func TestDigestRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDigest(t)
		if back, err := ParseDigest(d.String()); err != nil || back != d {
			t.Fatalf("ParseDigest(%v) = %v, %v", d, back, err)
		}
		b, err := json.Marshal(d)
		var back Digest
		if err != nil || json.Unmarshal(b, &back) != nil || back != d {
			t.Fatalf("%v through JSON: %s, %v, %v", d, b, back, err)
		}
	})
}

func TestParseDigestRefuses(t *testing.T) {
	for _, s := range []string{"", "ab", strings.Repeat("g", 64), strings.Repeat("a", 63), strings.Repeat("a", 65)} {
		if _, err := ParseDigest(s); err == nil {
			t.Errorf("ParseDigest(%q) succeeded", s)
		}
	}
}

func TestSplitNamesRoundTrip(t *testing.T) {
	for _, s := range All {
		if back, err := Parse(s.String()); err != nil || back != s {
			t.Errorf("Parse(%v) = %v, %v", s, back, err)
		}
	}
	if _, err := Parse("train"); err == nil {
		t.Error("Parse accepted an unknown name")
	}
}

func FuzzParseDigest(f *testing.F) {
	f.Add(SumBytes(nil).String())
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDigest(s); err == nil && !strings.EqualFold(d.String(), s) {
			t.Errorf("ParseDigest(%q) = %v", s, d)
		}
	})
}
