// Package filelock locks a whole file as bbolt does it: with flock on Unix, with a byte
// beyond any file's end on Windows. The lock goes with the process.
package filelock
