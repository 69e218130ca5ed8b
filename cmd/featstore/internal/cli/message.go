package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"featstore/extract"
	"featstore/store"
)

// finish prints what is to be said about an error and returns the exit code.
func (a *app) finish(err error, interrupted bool) int {
	code := exitCode(err, interrupted)
	var exit *exitError
	switch {
	case err == nil:
	case errors.As(err, &exit) && exit.err == nil:
	case code == exitInterrupted && errors.Is(err, context.Canceled):
		a.failure(errors.New("interrupted"), a.hintOf(err), code)
	default:
		a.failure(err, a.hintOf(err), code)
	}
	return code
}

func (a *app) hintOf(err error) string {
	var hinted *hintedError
	if errors.As(err, &hinted) {
		return a.text(hinted.format, hinted.args...)
	}
	var usage *usageError
	if errors.As(err, &usage) {
		command := usage.command
		if command == "" {
			command = "featstore"
		}
		return command + " --help shows what it takes"
	}
	if extract.Exceeded(err) {
		return "choose a smaller size, or allow networks more memory: --" + memoryFlagName
	}
	var pending *store.ResplittingError
	if errors.As(err, &pending) {
		return a.text("%s finishes it", finishSplit(pending.Policy))
	}
	return a.storeHint(err)
}

// failure prints an error, and a hint where there is one: with --json as one
// object on standard error.
func (a *app) failure(err error, hint string, code int) {
	if a.json {
		line, _ := marshal(struct {
			Event    string `json:"event"`
			Error    string `json:"error"`
			Hint     string `json:"hint,omitempty"`
			ExitCode int    `json:"exit_code"`
		}{"error", err.Error(), hint, code})
		fmt.Fprintf(a.Err, "%s\n", line)
		return
	}
	a.line(a.paint(bold+red, "error: "), err.Error())
	a.hint(hint)
}

// warn reports something that the user should look at though it went well.
func (a *app) warn(format string, args ...any) {
	if a.json {
		return // every warning is a field of the result too
	}
	a.line(a.paint(bold+yellow, "warning: "), a.text(format, args...))
}

// warnAside is warn for what no result has a field for: with --json it is an object on
// standard error.
func (a *app) warnAside(format string, args ...any) {
	if !a.json {
		a.warn(format, args...)
		return
	}
	line, _ := marshal(struct {
		Event   string `json:"event"`
		Warning string `json:"warning"`
	}{"warning", fmt.Sprintf(format, args...)})
	fmt.Fprintf(a.Err, "%s\n", line)
}

func (a *app) hint(text string) {
	if text != "" && !a.json {
		a.line(a.paint(cyan, "hint: "), text)
	}
}

// say remarks on what is going on.
func (a *app) say(format string, args ...any) {
	if !a.quiet && !a.json {
		a.line("", a.text(format, args...))
	}
}

// line writes one line to standard error; kind may be coloured.
func (a *app) line(kind, text string) {
	fmt.Fprintf(bare(a.Err), "featstore: %s%s\n", kind, printable(text))
}

const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	reset  = "\x1b[0m"
)

func (a *app) paint(style, text string) string {
	if !a.color {
		return text
	}
	word := strings.TrimRight(text, " ")
	return style + word + reset + text[len(word):]
}
