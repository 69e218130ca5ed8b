//go:build unix

package userfile

import "golang.org/x/sys/unix"

// nonblock keeps the opening of a pipe, and reads from the few files below /proc that
// wait for news, from waiting.
const nonblock = unix.O_NONBLOCK
