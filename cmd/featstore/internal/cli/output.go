package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// emit writes one JSON object as a line on standard output. Progress comes from
// another goroutine than results.
func (a *app) emit(v any) error {
	line, err := marshal(v)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := fmt.Fprintf(a.Out, "%s\n", line); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

// grouped writes a number with separators: 1,000.
func grouped[T int | int64 | uint64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	digits := strings.TrimPrefix(s, "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n < 0 {
		return "-" + digits
	}
	return digits
}

// count writes a number and the thing counted: "1 photo", "1,000 photos".
func count[T int | int64 | uint64](n T, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

// bytesText writes a size for people: "8.4 MB", in powers of ten as file
// managers do.
func bytesText(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	x, u := float64(n), 0
	for x >= 999.5 && u < len(units)-1 {
		x, u = x/1000, u+1
	}
	if u == 0 || x >= 99.95 {
		return fmt.Sprintf("%.0f %s", x, units[u])
	}
	return fmt.Sprintf("%.1f %s", x, units[u])
}

// durationText writes a time span for people: "0.4 s", "3 min 20 s".
func durationText(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// leftText writes a time span that is only an estimate: whole seconds.
func leftText(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return durationText(d)
}

// A table aligns columns for people. Columns named in right are aligned to the
// right, as numbers are.
type table struct {
	right string // one letter a column: l or r
	rows  [][]string
}

func (t *table) row(cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	t.rows = append(t.rows, cells)
}

// write prints the table, each line after an indent. Widths count columns on the
// screen, so that labels in any script line up.
func (t *table) write(w io.Writer, indent string) {
	var width []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], runewidth.StringWidth(cell))
		}
	}
	for _, row := range t.rows {
		line := indent
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-runewidth.StringWidth(cell))
			if i < len(t.right) && t.right[i] == 'r' {
				cell = pad + cell
			} else {
				cell += pad
			}
			if i > 0 {
				line += "  "
			}
			line += cell
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}
