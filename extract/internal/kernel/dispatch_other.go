//go:build !amd64 || purego

package kernel

import "featstore/extract/cpu"

// setFor returns the kernels for a set of instructions.
func setFor(cpu.ISA) *Set { return portable }

func (s *Set) exact() *Set { return portableExact }
