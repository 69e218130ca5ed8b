// Package vt is as much of a terminal as tests need, to see what is left on the screen:
// text, ends of lines, erasing and the cursor going up. As those do that most people
// have, it breaks its lines anew when its width changes. Anything else written to it is
// an error that stays.
package vt

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// A Terminal is a screen without an end.
type Terminal struct {
	width    int
	rows     []row
	y, x     int    // of the cursor
	escape   string // that has begun
	problems []string
}

// A row is one line of the screen. One that goes on in the next has been broken there.
type row struct {
	cells []cell
	on    bool
}

type cell struct {
	r     rune
	width int
}

// New returns an empty terminal of some columns.
func New(width int) *Terminal { return &Terminal{width: width, rows: make([]row, 1)} }

// Width is how many columns it has.
func (t *Terminal) Width() int { return t.width }

// Write shows text. Each write is of whole characters.
func (t *Terminal) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		rest = rest[n:]
		switch {
		case t.escape != "":
			t.sequence(r)
		case r == '\x1b':
			t.escape = string(r)
		case r == '\r':
			t.x = 0
		case r == '\n':
			t.down()
		case r < ' ' || r == utf8.RuneError && n == 1:
			t.problems = append(t.problems, fmt.Sprintf("character %q", r))
		default:
			t.put(r)
		}
	}
	return len(b), nil
}

func (t *Terminal) down() {
	if t.y++; t.y == len(t.rows) {
		t.rows = append(t.rows, row{})
	}
}

// put shows a character. One that does not fit goes to the next row.
func (t *Terminal) put(r rune) {
	w := runewidth.RuneWidth(r)
	if t.x+w > t.width {
		t.rows[t.y].on = true
		t.down()
		t.x = 0
	}
	row := &t.rows[t.y]
	at, x := 0, 0
	for at < len(row.cells) && x < t.x {
		x += row.cells[at].width
		at++
	}
	for ; x < t.x; x++ {
		row.cells = append(row.cells, cell{' ', 1})
		at++
	}
	if at < len(row.cells) {
		row.cells[at] = cell{r, w}
	} else {
		row.cells = append(row.cells, cell{r, w})
	}
	t.x += w
}

// sequence takes one more character of an escape sequence.
func (t *Terminal) sequence(r rune) {
	t.escape += string(r)
	if r == '[' && t.escape == "\x1b[" || r >= '0' && r <= '9' || r == ';' {
		return
	}
	number, _ := strconv.Atoi(strings.Trim(t.escape, "\x1b[ABCDEFGHJKm"))
	switch r {
	case 'A':
		t.y = max(t.y-max(number, 1), 0)
	case 'J':
		t.rows = slices.Clone(t.rows[:t.y+1])
		t.cut()
	case 'K':
		t.cut()
	case 'm': // a colour
	default:
		t.problems = append(t.problems, fmt.Sprintf("sequence %q", t.escape))
	}
	t.escape = ""
}

// cut erases the rest of the cursor's row.
func (t *Terminal) cut() {
	row := &t.rows[t.y]
	at, x := 0, 0
	for at < len(row.cells) && x < t.x {
		x += row.cells[at].width
		at++
	}
	row.cells, row.on = slices.Clone(row.cells[:at]), false
}

// Resize changes the width and breaks all lines anew. The cursor stays behind its
// character.
func (t *Terminal) Resize(width int) {
	old, cursorY, cursorX := t.rows, t.y, t.x
	t.width, t.rows, t.y, t.x = width, make([]row, 1), 0, 0
	markY, markX := 0, 0
	for i, r := range old {
		x := 0
		for _, c := range r.cells {
			t.put(c.r)
			if x += c.width; i == cursorY && x <= cursorX {
				markY, markX = t.y, t.x
			}
		}
		if i == cursorY && cursorX == 0 {
			markY, markX = t.y, 0
		}
		if !r.on && i < len(old)-1 {
			t.down()
			t.x = 0
		}
	}
	t.y, t.x = markY, markX
}

// Lines are the lines that stand there, without spaces at their ends: a line that was
// broken is one.
func (t *Terminal) Lines() []string {
	var lines []string
	var b strings.Builder
	for _, r := range t.rows {
		for _, c := range r.cells {
			b.WriteRune(c.r)
		}
		if !r.on {
			lines = append(lines, strings.TrimRight(b.String(), " "))
			b.Reset()
		}
	}
	return lines
}

// Problems are what was written that is neither text nor known.
func (t *Terminal) Problems() []string { return t.problems }
