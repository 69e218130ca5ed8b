package cli

import (
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// Names of files, labels, heads, networks and what is in them come from elsewhere. A
// control character in one would move the cursor, colour the terminal or give it orders;
// a mark of writing direction would show another name than it is.
//
// printable makes one line of such a text. A textWriter stands before standard output
// and standard error and does the same to whatever is written, except that it keeps the
// ends of lines: what a command forgets to make printable can be ugly, not harmful.

// printable makes one line of a text from elsewhere: control characters, marks of
// writing direction and bytes that are not text are written as Go writes them. --json has
// names as they are.
func printable(name string) string { return escape(name, "") }

// escape writes what must not reach a terminal as Go's escapes, except for the
// characters in keep.
func escape(text, keep string) string {
	if harmless(text, keep) {
		return text
	}
	var b strings.Builder
	for rest := text; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		if moves(r) && !strings.ContainsRune(keep, r) || r == utf8.RuneError && n == 1 {
			quoted := strconv.Quote(rest[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(rest[:n])
		}
		rest = rest[n:]
	}
	return b.String()
}

func harmless(text, keep string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if moves(r) && !strings.ContainsRune(keep, r) {
			return false
		}
	}
	return true
}

// moves reports whether a character does something to what stands around it instead of
// being shown: controls, C1 included, ends of lines, and marks of writing direction.
func moves(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
}

// A textWriter lets only what is harmless through to a stream. Each write is of whole
// characters.
type textWriter struct{ w io.Writer }

func (t textWriter) Write(b []byte) (int, error) {
	if _, err := io.WriteString(t.w, escape(string(b), "\n\t")); err != nil {
		return 0, err
	}
	return len(b), nil
}

// bare returns the stream behind a textWriter, for the program's own colours and the
// progress bar.
func bare(w io.Writer) io.Writer {
	if t, ok := w.(textWriter); ok {
		return t.w
	}
	return w
}

func isTerminal(w io.Writer) bool {
	w = bare(w)
	switch t := w.(type) {
	case *resultWriter:
		w = t.w
	case *screen:
		w = t.w
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
