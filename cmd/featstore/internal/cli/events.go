package cli

import (
	"encoding/json"
	"fmt"
	"sync"

	"featstore/train"
)

// trainEvents returns what prints the events of a training, and what ends it.
// Long computations get a progress bar of their own, one after the other.
func (a *app) trainEvents() (on func(train.Event), stop func()) {
	var bar eventProgress
	on = func(e train.Event) {
		switch e := e.(type) {
		case train.Progress:
			bar.show(a, e)
			return
		case train.Warning:
			bar.stop()
			if a.json {
				a.emitEvent("warning", e)
			}
			a.warn("%s", e)
			return
		case *train.Leak:
			bar.stop()
			if a.json {
				a.emitEvent("near_duplicates", e)
			}
			a.warnLeak(e)
			return
		case *train.Unconverged:
			bar.stop() // told with the result
			return
		case train.Validation:
			bar.stop()
			a.tellEvent("validation", e)
			return
		case train.StrengthChoice:
			bar.stop()
			a.tellEvent("choice", e)
			return
		}
		bar.stop()
		a.tellEvent("comparison", e)
	}
	return on, bar.stop
}

// tellEvent prints an event as a line, or as an object under --json.
func (a *app) tellEvent(name string, e train.Event) {
	if a.json {
		a.emitEvent(name, e)
	} else if !a.quiet {
		fmt.Fprintln(a.Out, e)
	}
}

// emitEvent writes an event with its name as its first field. A pipe that was
// closed shows when the result is written.
func (a *app) emitEvent(name string, e train.Event) {
	fields, err := marshal(e)
	if err != nil || len(fields) < 2 {
		return
	}
	_ = a.emit(json.RawMessage(fmt.Sprintf("{%q:%q,%s", "event", name, fields[1:])))
}

// eventProgress shows train.Progress events as a bar, which goes when an event of
// another kind or another computation comes.
type eventProgress struct {
	mu  sync.Mutex
	now gauge
	end func()
}

func (b *eventProgress) show(a *app, p train.Progress) {
	if b.end != nil && b.read().what != p.What {
		b.stop()
	}
	b.mu.Lock()
	b.now = gauge{p.What, "part", int64(p.Done), int64(p.Total)}
	b.mu.Unlock()
	if b.end == nil {
		b.end = a.watch(b.read)
	}
}

func (b *eventProgress) read() gauge {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *eventProgress) stop() {
	if b.end != nil {
		b.end()
		b.end = nil
	}
}
