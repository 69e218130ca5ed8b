//go:build !unix

package userfile

// nonblock is nothing where names do not lead to pipes.
const nonblock = 0
