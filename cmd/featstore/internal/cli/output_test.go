package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestNumbersForPeople(t *testing.T) {
	for got, want := range map[string]string{
		grouped(0):                           "0",
		grouped(999):                         "999",
		grouped(1000):                        "1,000",
		grouped(-1234567):                    "-1,234,567",
		count(1, "photo"):                    "1 photo",
		count(0, "photo"):                    "0 photos",
		count(1200, "photo"):                 "1,200 photos",
		bytesText(999):                       "999 bytes",
		bytesText(1000):                      "1.0 kB",
		bytesText(8_400_000):                 "8.4 MB",
		bytesText(999_960_000):               "1.0 GB",
		bytesText(123_000):                   "123 kB",
		durationText(420 * time.Millisecond): "0.4 s",
		durationText(42 * time.Second):       "42 s",
		durationText(200 * time.Second):      "3 min 20 s",
		durationText(150 * time.Minute):      "2 h 30 min",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestNamesStayOnTheirLine(t *testing.T) {
	for name, want := range map[string]string{
		"rose/1.jpg":     "rose/1.jpg",
		"薔薇 ü.jpg":       "薔薇 ü.jpg",
		"two\nlines":     `two\nlines`,
		"\x1b[31mred":    `\x1b[31mred`,
		"no\xfftext":     `no\xfftext`,
		"c1\u009bcsi":    `c1\u009bcsi`,
		`back\slash "q"`: `back\slash "q"`,
		"":               "",
	} {
		if got := printable(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}

// A full disk behind standard output is an error of every command.
func TestLostResults(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"version", "--json"}, {"--help"}, {"split", "--help"}} {
		var errs bytes.Buffer
		if code := Main(args, Streams{Out: full{}, Err: &errs}); code != exitFailure || !strings.Contains(errs.String(), "no space") {
			t.Errorf("%q: exit code %d, %q", args, code, errs.String())
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestTableLinesUp(t *testing.T) {
	tab := table{right: "lr"}
	tab.row("label", "photos")
	tab.row("薔薇", "1,200")
	tab.row("daisy", "3")
	var b bytes.Buffer
	tab.write(&b, "  ")
	want := "  label  photos\n  薔薇    1,200\n  daisy       3\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestFinish(t *testing.T) {
	plain := errors.New("boom")
	for _, c := range []struct {
		name        string
		err         error
		interrupted bool
		code        int
		stderr      string
	}{
		{"nothing", nil, false, 0, ""},
		{"plain", plain, false, 1, "featstore: error: boom\n"},
		{"with advice", fmt.Errorf("train: %w", hint(plain, "do %s", "this")), false, 1, "featstore: error: train: boom\nfeatstore: hint: do this\n"},
		{"usage", usagef("no %s", "way"), false, 2, "featstore: error: no way\nfeatstore: hint: featstore --help shows what it takes\n"},
		{"said already", &exitError{code: 3}, false, 3, ""},
		{"code of its own", &exitError{3, plain}, false, 3, "featstore: error: boom\n"},
		{"interrupted", fmt.Errorf("ingest: %w", context.Canceled), true, 130, "featstore: error: interrupted\n"},
		{"interrupted while another error came", plain, true, 1, "featstore: error: boom\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			a := &app{Streams: Streams{Out: &out, Err: &errs}}
			if code := a.finish(c.err, c.interrupted); code != c.code || errs.String() != c.stderr || out.Len() > 0 {
				t.Errorf("exit code %d, stderr %q, stdout %q; want %d, %q and nothing", code, errs.String(), out.String(), c.code, c.stderr)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	var errs bytes.Buffer
	a := &app{Streams: Streams{Err: &errs}, color: true}
	a.warn("%d odd", 2)
	a.quiet = true
	a.say("nobody hears this")
	if want := "featstore: \x1b[1m\x1b[33mwarning:\x1b[0m 2 odd\n"; errs.String() != want {
		t.Errorf("got %q, want %q", errs.String(), want)
	}
}

func TestHelpListsExitCodes(t *testing.T) {
	text := storeExits(exitSomeFailed)
	for _, want := range []string{"    0  done\n", "    3  done, but", "   10  no such store", "  130  interrupted"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
}

// However many things there are and however many of them are named, what is shown and
// what is counted are all of them.
func TestListsCountAll(t *testing.T) {
	for _, c := range []struct{ named, all, shown, beyond int }{
		{0, 0, 0, 0}, {1, 1, 1, 0}, {10, 10, 10, 0}, {11, 11, 10, 1}, {51, 51, 10, 41}, {10, 51, 10, 41}, {3, 51, 3, 48}, {0, 5, 0, 5},
	} {
		names := make([]string, c.named)
		for i := range names {
			names[i] = fmt.Sprintf("photo %d", i)
		}
		var errs bytes.Buffer
		warnSome(&app{Streams: Streams{Err: &errs}}, "photos", names, itself, c.all)
		if got := strings.Count(errs.String(), "  photo "); got != c.shown {
			t.Errorf("%+v: %d shown: %s", c, got, errs.String())
		}
		if want := fmt.Sprintf("  and %d more\n", c.beyond); strings.Contains(errs.String(), " more") != (c.beyond > 0) ||
			c.beyond > 0 && !strings.HasSuffix(errs.String(), want) {
			t.Errorf("%+v: %s", c, errs.String())
		}
	}
}
