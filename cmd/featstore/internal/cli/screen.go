package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// A screen is standard error where it is a terminal: text that stays, and below it one
// line that changes, for progress. Whatever is written meanwhile takes the line's place
// and pushes it down, and nothing of it is left behind: neither when the window becomes
// narrower and the line wraps, nor by the ^C that a terminal shows behind the cursor.
//
// The line has no end, so that the cursor stays in it, and fits the window.
type screen struct {
	mu    sync.Mutex
	w     io.Writer
	width func() int // columns of the window, 0 if unknown
	line  string     // as it stands there
}

// newScreen returns the screen of a stream.
func newScreen(w io.Writer) *screen {
	return &screen{w: w, width: func() int {
		f, ok := w.(*os.File)
		if !ok {
			return 0
		}
		columns, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0
		}
		return columns
	}}
}

// Write writes text that stays.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := s.line
	text := s.erased() + string(b)
	if strings.HasSuffix(text, "\n") {
		text += s.drawn(line)
	}
	if _, err := io.WriteString(s.w, text); err != nil {
		return 0, err
	}
	return len(b), nil
}

// show makes text the line that changes, "" for none.
func (s *screen) show(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.w, s.erased()+s.drawn(text)) // progress is not worth an error
}

// windowWidth is the number of the window's columns, or what most have at least.
func (s *screen) windowWidth() int {
	if w := s.width(); w > 0 {
		return w
	}
	return 80
}

// free is how many columns the line leaves to the cursor, and to a ^C before it.
const free = 3

// erased returns what takes the line away.
func (s *screen) erased() string {
	if s.line == "" {
		return ""
	}
	width := s.windowWidth()
	rows := (runewidth.StringWidth(s.line) + width - 1) / width // more than one if the window became narrower
	s.line = ""
	if rows > 1 {
		return fmt.Sprintf("\r\x1b[%dA\x1b[J", rows-1)
	}
	return "\r\x1b[J"
}

// drawn returns what draws the line.
func (s *screen) drawn(text string) string {
	s.line = runewidth.Truncate(text, max(s.windowWidth()-free, 1), "…")
	return s.line
}
