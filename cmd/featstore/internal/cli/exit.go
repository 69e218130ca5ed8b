package cli

import (
	"context"
	"errors"
	"fmt"
)

// The exit codes. They are part of the command line's promise: scripts decide
// by them.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitSomeFailed  = 3 // done, but some images could not be used
	exitNoStore     = 10
	exitStoreInUse  = 11
	exitCorrupt     = 12 // damaged, not a store, or written by a newer version
	exitInterrupted = 130
)

// A usageError is a wrong command line.
type usageError struct {
	err     error
	command string // "featstore ingest", for the hint; may be empty
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...)}
}

// A hintedError carries what the user can do about it.
type hintedError struct {
	err    error
	format string
	args   []any // may be commands: see run
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

// hint adds advice to an error; to no error it adds nothing.
func hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hintedError{err, format, args}
}

// An exitError asks for an exit code of its own. Without an error inside, the
// command has said all there is to say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}
func (e *exitError) Unwrap() error { return e.err }

// exitCode maps an error to the exit code that the help promises.
func exitCode(err error, interrupted bool) int {
	var exit *exitError
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case interrupted && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &usage):
		return exitUsage
	}
	return storeExitCode(err)
}
