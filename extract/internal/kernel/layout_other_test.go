//go:build !amd64 || purego

package kernel

// byteSets are all sets.
func byteSets() []*Set { return Sets() }
