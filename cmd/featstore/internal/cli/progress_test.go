package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestPaceForPeople(t *testing.T) {
	for _, c := range []struct {
		p    pace
		want string
	}{
		{pace{gauge{"ingest", "photo", 430, 1000}, 10 * time.Second}, "ingest: 430 of 1,000 photos, 43 photos/s, 13 s left"},
		{pace{gauge{"ingest", "photo", 5, 1000}, 10 * time.Second}, "ingest: 5 of 1,000 photos, 0.5 photos/s, 33 min 10 s left"},
		{pace{gauge{"ingest", "photo", 0, 1000}, time.Second}, "ingest: 0 of 1,000 photos"},
		{pace{gauge{"cross-validation", "part", 8, 15}, 160 * time.Second}, "cross-validation: 8 of 15 parts, 20 s a part, 2 min 20 s left"},
		{pace{gauge{"look into folder", "file", 1, 0}, time.Second}, "look into folder: 1 file so far"},
	} {
		if got := c.p.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// Off a terminal nothing is drawn; under --quiet nothing is said at all; --json
// has objects. Stopping waits for the last word.
func TestWatchOffATerminal(t *testing.T) {
	read := func() gauge { return gauge{"ingest", "photo", 1, 2} }
	var out, errs bytes.Buffer
	a := &app{Streams: Streams{Out: &out, Err: &errs}}
	stop := a.watch(read)
	stop()
	if errs.Len() > 0 || out.Len() > 0 {
		t.Errorf("within the first seconds: %q, %q", errs.String(), out.String())
	}
	stop = every(time.Millisecond, func(p pace) { a.say("%s", p) }, read)
	time.Sleep(20 * time.Millisecond)
	stop()
	if !strings.HasPrefix(errs.String(), "featstore: ingest: 1 of 2 photos, ") {
		t.Errorf("got %q", errs.String())
	}
	a.json = true
	stop = every(time.Millisecond, a.emitProgress, read)
	time.Sleep(20 * time.Millisecond)
	stop()
	if !strings.HasPrefix(out.String(), `{"event":"progress","what":"ingest","done":1,"total":2,"per_second":`) {
		t.Errorf("got %q", out.String())
	}
}
