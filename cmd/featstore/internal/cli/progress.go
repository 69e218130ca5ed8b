package cli

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// A gauge says how far a long computation is: done of total things, total 0 while it
// is not known.
type gauge struct {
	what        string // "ingest"
	unit        string // "photo"
	done, total int64
}

// How often progress is shown: the bar, the lines of --json, and the plain lines
// where standard error is no terminal.
const (
	barEvery  = 100 * time.Millisecond
	jsonEvery = 500 * time.Millisecond
	lineEvery = 10 * time.Second
)

// A progressEvent is a line of progress under --json.
type progressEvent struct {
	Event       string  `json:"event"` // "progress"
	What        string  `json:"what"`
	Done        int64   `json:"done"`
	Total       int64   `json:"total"` // 0 while unknown
	PerSecond   float64 `json:"per_second"`
	SecondsLeft float64 `json:"seconds_left"` // -1 while unknown
}

// watch shows progress until the function it returns is called: a bar on a
// terminal, a line now and then elsewhere, objects under --json, nothing under
// --quiet. read is called from another goroutine.
func (a *app) watch(read func() gauge) (stop func()) {
	switch {
	case a.json:
		return every(jsonEvery, func(p pace) { a.emitProgress(p) }, read)
	case a.quiet:
		return func() {}
	case isTerminal(a.Err):
		return a.bar(read)
	}
	return every(lineEvery, func(p pace) { a.say("%s", p) }, read)
}

// every calls show at each tick until stopped, and waits for its goroutine.
func every(period time.Duration, show func(pace), read func() gauge) (stop func()) {
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		started := time.Now()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				show(pace{read(), time.Since(started)})
			}
		}
	})
	return func() {
		close(done)
		group.Wait()
	}
}

// A pace is a gauge after some time.
type pace struct {
	gauge
	elapsed time.Duration
}

func (p pace) perSecond() float64 {
	if p.elapsed <= 0 {
		return 0
	}
	return float64(p.done) / p.elapsed.Seconds()
}

// left is the time until the end at this pace, or -1.
func (p pace) left() time.Duration {
	if p.total == 0 || p.done == 0 || p.done > p.total {
		return -1
	}
	return time.Duration(float64(p.elapsed) / float64(p.done) * float64(p.total-p.done))
}

// String is the plain line: "ingest: 430 of 1,000 photos, 38 photos/s, 15 s left".
func (p pace) String() string {
	if p.total == 0 {
		return fmt.Sprintf("%s: %s so far", p.what, count(p.done, p.unit))
	}
	return fmt.Sprintf("%s: %s of %s%s", p.what, grouped(p.done), count(p.total, p.unit), p.speed())
}

// speed follows the counts: ", 38 photos/s, 15 s left", or nothing while none is done.
func (p pace) speed() string {
	var s string
	switch rate := p.perSecond(); {
	case rate == 0:
	case rate >= 10:
		s = fmt.Sprintf(", %.0f %ss/s", rate, p.unit)
	case rate >= 0.2:
		s = fmt.Sprintf(", %.1f %ss/s", rate, p.unit)
	default:
		s = fmt.Sprintf(", %s a %s", leftText(p.elapsed/time.Duration(p.done)), p.unit)
	}
	if left := p.left(); left >= 0 {
		s += ", " + leftText(left) + " left"
	}
	return s
}

func (a *app) emitProgress(p pace) {
	left := p.left().Seconds()
	if left < 0 {
		left = -1
	}
	_ = a.emit(progressEvent{"progress", p.what, p.done, p.total, p.perSecond(), left}) // a closed pipe shows at the result
}

// bar shows progress as a line on the terminal, which is gone when it is stopped.
func (a *app) bar(read func() gauge) (stop func()) {
	s, ok := bare(a.Err).(*screen)
	if !ok {
		return func() {}
	}
	end := every(barEvery, func(p pace) { s.show(p.bar()) }, read)
	return func() {
		end()
		s.show("")
	}
}

// barWidth is how many columns a bar has between its brackets.
const barWidth = 30

// bar is the line on a terminal: "ingest [====>     ] 430 of 1,000 photos, 38 photos/s, 15 s left".
func (p pace) bar() string {
	what := printable(p.what)
	if p.total == 0 {
		return fmt.Sprintf("%s: %s", what, count(p.done, p.unit))
	}
	full := int(min(p.done, p.total) * barWidth / p.total)
	head := ""
	if full < barWidth {
		head = ">"
	}
	return fmt.Sprintf("%s [%-*s] %s of %s%s", what, barWidth, strings.Repeat("=", full)+head, grouped(p.done), count(p.total, p.unit), p.speed())
}
