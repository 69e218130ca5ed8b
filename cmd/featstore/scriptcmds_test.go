package main

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptCommands are the commands that the stories need beyond testscript's own.
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"exits": exits,
	"json":  jsonFields,
}

// exits runs a command and wants an exit code: exits 2 featstore train --frob.
// Its output is there for stdout and stderr as after exec.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG]…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("run %q: %v", args[1:], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%q exited with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// jsonFields wants the last output to be JSON objects, one a line, and the last
// of them to have the fields named: json images failures. A field of a field is
// reached by dots, and name=value also wants a value, written as JSON.
func jsonFields(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! json")
	}
	var last map[string]any
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		last = nil
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			ts.Fatalf("not a JSON object: %v: %s", err, line)
		}
	}
	if last == nil {
		ts.Fatalf("no JSON object on standard output")
	}
	for _, field := range args {
		name, want, compare := strings.Cut(field, "=")
		value, ok := lookup(last, name)
		if !ok {
			ts.Fatalf("no field %q in %v", name, last)
		}
		got, err := json.Marshal(value)
		ts.Check(err)
		if compare && string(got) != want {
			ts.Fatalf("field %q is %s, want %s", name, got, want)
		}
	}
}

func lookup(object map[string]any, name string) (any, bool) {
	first, rest, more := strings.Cut(name, ".")
	value, ok := object[first]
	if !ok || !more {
		return value, ok
	}
	inner, ok := value.(map[string]any)
	if !ok {
		return nil, false
	}
	return lookup(inner, rest)
}
