// Package cpu makes the one decision on which vector instructions the program uses.
// The kernels of the inference engine, of photo decoding and resizing, and of
// training all ask it.
//
// The fastest set that the processor has is used, unless the environment variable
// FEATSTORE_KERNELS names another one: portable, avx2 or avx512. A binary built with
// the tag purego, or for another architecture than amd64, has portable code alone.
//
// Photos decode to the same pixels and heads train to the same bits with every set.
// Vectors of networks differ by rounding.
//
// The package is exported because train, which lies outside extract, uses it too.
package cpu

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// An ISA is a set of instructions that kernels are written for. A processor that has
// one of them has all smaller ones.
type ISA int

const (
	// Portable is plain Go, without assembly.
	Portable ISA = iota
	// AVX2 has vectors of 256 bits. FMA and BMI2 are part of it here.
	AVX2
	// AVX512 has vectors of 512 bits and masks: AVX-512 F and VL, besides AVX2.
	AVX512
)

var names = [...]string{Portable: "portable", AVX2: "avx2", AVX512: "avx512"}

// String returns the name that FEATSTORE_KERNELS has for the set.
func (i ISA) String() string {
	if i < 0 || int(i) >= len(names) {
		return fmt.Sprintf("ISA(%d)", int(i))
	}
	return names[i]
}

// Supported returns the sets that this processor and this binary have, the fastest
// first. Portable is always the last.
func Supported() []ISA {
	var all []ISA
	for i := detect(); i >= Portable; i-- {
		all = append(all, i)
	}
	return all
}

// ByName returns the set called name, or the fastest one when name is "". It is an
// error to name a set that this machine cannot run.
func ByName(name string) (ISA, error) {
	var known []string
	for _, i := range Supported() {
		if i.String() == name || name == "" {
			return i, nil
		}
		known = append(known, i.String())
	}
	return Portable, fmt.Errorf("no kernels called %q on this machine: choose one of %s", name, strings.Join(known, ", "))
}

// Chosen returns the set to use: the one that FEATSTORE_KERNELS names, or else the
// fastest. The variable is read once. With a name that ByName refuses it returns
// Portable and an error: compiling a network, opening a data set for training and the
// command line report it; inner loops, which cannot, use Portable.
func Chosen() (ISA, error) { return chosen() }

var chosen = sync.OnceValues(func() (ISA, error) { return choose(os.Getenv("FEATSTORE_KERNELS")) })

func choose(variable string) (ISA, error) {
	i, err := ByName(variable)
	if err != nil {
		return i, fmt.Errorf("FEATSTORE_KERNELS: %w", err)
	}
	return i, nil
}
