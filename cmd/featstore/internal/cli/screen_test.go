package cli

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"pgregory.net/rapid"

	"featstore/cmd/featstore/internal/vt"
)

// terminal is a screen on a terminal of some width.
func terminal(width int) (*screen, *vt.Terminal) {
	t := vt.New(width)
	return &screen{w: crlf{t}, width: func() int { return t.Width() }}, t
}

// crlf ends lines as a terminal's driver does.
type crlf struct{ w io.Writer }

func (c crlf) Write(b []byte) (int, error) {
	_, err := io.WriteString(c.w, strings.ReplaceAll(string(b), "\n", "\r\n"))
	return len(b), err
}

// Whatever is shown and written, and however the window's width changes meanwhile, in the
// end there stands what was written, and nothing else.
func TestProgressLeavesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, term := terminal(rapid.IntRange(20, 120).Draw(t, "width"))
		var written []string
		for i := range rapid.IntRange(1, 20).Draw(t, "steps") {
			name := func(what string) string { return fmt.Sprint(what, i) }
			switch rapid.IntRange(0, 3).Draw(t, name("do")) {
			case 0:
				text := rapid.StringMatching(`[a-z]{1,15}`).Draw(t, name("text"))
				written = append(written, text)
				fmt.Fprintln(s, text)
			case 1:
				term.Resize(rapid.IntRange(20, 120).Draw(t, name("to")))
				s.show(s.line) // as the next tick does
			case 2:
				if s.line != "" {
					term.Write([]byte("^C")) // which the terminal shows where the cursor is
					s.show(s.line)
				}
			default:
				p := pace{gauge{"ingest 薔薇", "photo", rapid.Int64Range(0, 5000).Draw(t, name("done")), rapid.Int64Range(0, 5000).Draw(t, name("all"))}, time.Minute}
				s.show(p.bar())
				if s.line == "" || runewidth.StringWidth(s.line) >= term.Width() {
					t.Fatalf("line %q in %d columns", s.line, term.Width())
				}
				if got := term.Lines(); got[len(got)-1] != strings.TrimRight(s.line, " ") {
					t.Fatalf("%q is shown, but there stands %q", s.line, got)
				}
			}
		}
		s.show("")
		if got := strings.Trim(strings.Join(term.Lines(), "\n"), "\n"); got != strings.Join(written, "\n") {
			t.Fatalf("there stands %q, want %q", got, written)
		}
		if len(term.Problems()) > 0 {
			t.Fatal(term.Problems())
		}
	})
}

func TestBar(t *testing.T) {
	for _, c := range []struct {
		p    pace
		want string
	}{
		{pace{gauge{"ingest", "photo", 430, 1000}, 10 * time.Second}, "ingest [============>                 ] 430 of 1,000 photos, 43 photos/s, 13 s left"},
		{pace{gauge{"ingest", "photo", 1000, 1000}, 10 * time.Second}, "ingest [==============================] 1,000 of 1,000 photos, 100 photos/s, 0 s left"},
		{pace{gauge{"ingest", "photo", 1200, 1000}, 10 * time.Second}, "ingest [==============================] 1,200 of 1,000 photos, 120 photos/s"},
		{pace{gauge{"look into \x1b[2J", "file", 1, 0}, time.Second}, `look into \x1b[2J: 1 file`},
	} {
		if got := c.p.bar(); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}
