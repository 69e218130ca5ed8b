//go:build !amd64 || purego

package kernel

// native returns the sets written in assembly that this processor can run.
func native() []*Set { return nil }
